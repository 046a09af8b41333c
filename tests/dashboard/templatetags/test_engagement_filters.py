"""Scores and signals in words and figures."""

from anomalies_app.detector.explanations import _duration as duration_of_sentence
from anomalies_app.models import AnomalyType, Severity
from dashboard.templatetags.engagement_filters import (
    ANOMALY_LABELS,
    CATEGORY_LABELS,
    NOTHING,
    SEVERITY_LABELS,
    anomaly_label,
    category_label,
    duration,
    movement,
    number,
    percent,
    points,
    severity_label,
    whole,
)
from sessions_app.scoring.score import category


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


def test_numbers_that_scripts_write_again_carry_their_value() -> None:
    assert number(1_307.5) == '<data value="1308">1,308</data>'
    assert number(None) == NOTHING


def test_points_of_a_score_have_a_sign_and_one_decimal() -> None:
    shown = [points(value) for value in (0.243, -0.016, 0.0, -0.0004, None)]
    assert shown == ["+24.3", "\N{MINUS SIGN}1.6", "0.0", "0.0", NOTHING]


def test_every_category_has_a_label() -> None:
    names = {category(score / 10) for score in range(11)}
    assert names == CATEGORY_LABELS.keys()
    assert category_label(None) == category_label("") == "No score yet"


def test_anomalies_are_named_in_words() -> None:
    assert ANOMALY_LABELS.keys() == set(AnomalyType.values)
    assert SEVERITY_LABELS.keys() == set(Severity.values)
    assert (anomaly_label("MASS_EXIT"), severity_label("CRITICAL")) == ("Mass exit", "Critical")
    assert (anomaly_label("NEW_KIND"), severity_label("")) == ("Unusual", "Warning")


def test_time_spans_are_told_in_their_largest_units() -> None:
    spans = {
        0: "0 s",
        40_499: "40 s",
        59_500: "1 min",
        89_000: "1 min",
        90_000: "2 min",
        298_000: "5 min",
        3_569_000: "59 min",
        3_599_000: "1 h 0 min",
        3_900_000: "1 h 5 min",
    }
    assert {length: duration(length) for length in spans} == spans
    assert duration(-3_000) == "0 s"


def test_a_fall_is_as_long_as_its_sentence_says() -> None:
    moved = {"signal": "active_users", "before": 190.0, "now": 121.0}
    for seconds in range(5, 345, 5):
        words = duration_of_sentence(seconds).replace("minutes", "min").replace("seconds", "s")
        assert movement({**moved, "seconds": seconds}).endswith(f" 121 {words}")
