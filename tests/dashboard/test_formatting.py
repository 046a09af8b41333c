"""Scores and signals in words and figures."""

from dashboard.templatetags.engagement import (
    CATEGORY_LABELS,
    NOTHING,
    category_label,
    percent,
    whole,
)
from sessions_app.scoring import category


def test_ratios_are_shown_as_whole_percent() -> None:
    assert [percent(ratio) for ratio in (0.0, 0.624, 1.0, None, "")] == [
        "0",
        "62",
        "100",
        NOTHING,
        NOTHING,
    ]


def test_counts_are_shown_as_whole_numbers() -> None:
    assert [whole(number) for number in (0, 12.5, 1_234_567, None)] == [
        "0",
        "13",
        "1,234,567",
        NOTHING,
    ]


def test_every_category_has_a_label() -> None:
    names = {category(score / 10) for score in range(11)}
    assert names == CATEGORY_LABELS.keys()
    assert category_label(None) == category_label("") == "No score yet"
