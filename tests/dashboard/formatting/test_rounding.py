"""Figures are rounded once, halves up, before they reach a page."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.formatting.rounding import (
    chart_score,
    shown_ratio,
    shown_signals,
    tenths,
    whole,
    whole_percent,
)
from sessions_app.scoring.score import Signals


@pytest.mark.parametrize(
    ("number", "shown"), [(0, 0), (0.4, 0), (0.5, 1), (2.5, 3), (999.5, 1_000), (14.0, 14)]
)
def test_whole_numbers(number: float, shown: int) -> None:
    assert whole(number) == shown


@pytest.mark.parametrize(
    ("ratio", "percent"),
    [(0.0, 0), (0.004, 0), (0.005, 1), (0.125, 13), (0.624, 62), (0.625, 63), (1.0, 100)],
)
def test_ratios_in_whole_percents(ratio: float, percent: int) -> None:
    assert whole_percent(ratio) == percent
    assert shown_ratio(ratio) == percent / 100


@given(st.floats(0, 1))
def test_nothing_is_left_to_round_in_a_shown_ratio(ratio: float) -> None:
    shown = shown_ratio(ratio)
    assert shown == round(shown, 2)
    # However a browser or a template rounds it now, it is the same number.
    assert round(shown * 100) == whole_percent(shown) == whole_percent(ratio)
    assert abs(shown * 100 - round(shown * 100)) < 1e-9


@pytest.mark.parametrize(
    ("value", "shown"),
    [(24.32, 24.3), (0.05, 0.1), (-1.65, -1.7), (-0.04, 0.0), (0.0, 0.0), (30.004, 30.0)],
)
def test_tenths(value: float, shown: float) -> None:
    assert tenths(value) == shown
    assert str(tenths(value)) != "-0.0"


def test_scores_on_charts_are_finer_than_those_in_words() -> None:
    assert chart_score(0.666666667) == 0.6667


def test_signals_are_counts_and_whole_percents() -> None:
    assert shown_signals(Signals(13.5, 1 / 3, 12, 15, 10 / 3, 1 / 97)) == {
        "chat_msgs_per_min": 14,
        "poll_participation": 0.33,
        "active_users": 12,
        "total_users": 15,
        "reactions_per_min": 3,
        "user_leave_rate": 0.01,
    }
