"""What a glance at the wall should catch: order, trend, curve."""

from typing import Any

import pytest

from dashboard.formatting.sparkline import (
    SPARKLINE_POINTS,
    area,
    curve,
    in_wall_order,
    is_wanted,
    trend,
)


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        ([50] * 60, "STEADY"),
        ([50] * 59 + [90], "RISING"),
        ([60] * 12 + [50] * 3, "FALLING"),
        ([50] * 12 + [54] * 3, "STEADY"),
        ([50] * 12 + [55] * 3, "RISING"),
        ([10] * 40 + [50] * 20, "STEADY"),  # it rose, but not within the last minute
        ([70, None, None, *[None] * 9, 50, None, 52], "FALLING"),
        ([None] * 3 + [50] * 12, None),
        ([50] * 12, None),
        ([50] * 12 + [None] * 3, None),
        ([], None),
    ],
)
def test_the_trend_is_what_changed_within_a_minute(
    scores: list[int | None], expected: str | None
) -> None:
    assert trend(scores) == expected


def test_a_curve_ends_at_the_right_edge_and_leaves_holes_open() -> None:
    assert curve([20, 30, None, None, 100]) == "M55 80L56 70M59 0"
    assert area([20, 30, None, 100]) == "M56 100L56 80L57 70L57 100ZM59 100L59 0L59 100Z"
    assert curve([50] * SPARKLINE_POINTS).startswith("M0 50L1 50")
    assert curve([]) == area([None]) == ""


def card(title: str, severity: str | None = None, event: int = 1) -> dict[str, Any]:
    anomaly = severity and {"severity": severity}
    return {"title": title, "event": event, "event_title": "Connect", "anomaly": anomaly}


def test_the_worst_come_first_and_all_others_stay_where_they_are() -> None:
    cards = [
        card("a"),
        card("b", "WARNING"),
        card("c"),
        card("d", "CRITICAL"),
        card("e", "WARNING"),
    ]
    assert [each["title"] for each in in_wall_order(cards)] == ["d", "b", "e", "a", "c"]


@pytest.mark.parametrize(
    ("event", "words", "wanted"),
    [
        (None, "", True),
        (1, "", True),
        (2, "", False),
        (None, "  KEY  ", True),
        (1, "connect keynote", True),
        (None, "keynote workshop", False),
    ],
)
def test_a_card_is_wanted_by_its_event_and_by_all_words(
    event: int | None, words: str, wanted: bool
) -> None:
    assert is_wanted(card("Opening Keynote"), event, words) is wanted
