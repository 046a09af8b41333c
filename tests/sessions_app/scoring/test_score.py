"""The score's formula, bands and breakdown."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessions_app.scoring.score import (
    ScoreSettings,
    Signals,
    active_ratio,
    categories,
    category,
    explain,
    normalise_rate,
    score,
    total,
)

ratios = st.floats(0, 1)
rates = st.floats(0, 1e6)
signals = st.builds(
    Signals, rates, ratios, st.integers(0, 1000), st.integers(0, 1000), rates, ratios
)


def by_hand(values: Signals) -> float:
    """The formula of the specification, written out."""
    chat = min(1, math.log(values.chat_msgs_per_min + 1) / math.log(21))
    reactions = min(1, math.log(values.reactions_per_min + 1) / math.log(11))
    active = min(1, values.active_users / values.total_users) if values.total_users else 0
    value = (
        0.30 * chat
        + 0.25 * values.poll_participation
        + 0.25 * active
        + 0.10 * reactions
        - 0.10 * values.user_leave_rate
    )
    return min(1, max(0, value))


@given(signals)
def test_score_follows_the_formula(values: Signals) -> None:
    assert float(score(values, ScoreSettings())) == pytest.approx(by_hand(values), abs=1e-9)


@given(signals)
def test_contributions_add_up_to_the_score(values: Signals) -> None:
    parts = explain(values, ScoreSettings())
    assert len(parts) == 5
    added = sum(float(part.value) for part in parts)
    assert float(score(values, ScoreSettings())) == pytest.approx(min(1, max(0, added)), abs=1e-9)
    for part in parts:
        assert 0 <= float(part.normalised) <= 1


@given(st.lists(signals, min_size=1, max_size=20))
def test_score_of_arrays_equals_scores_one_by_one(many: list[Signals]) -> None:
    columns = Signals(*(np.array(column, dtype=float) for column in zip(*many, strict=True)))
    one_by_one = [float(score(values, ScoreSettings())) for values in many]
    assert score(columns, ScoreSettings()).tolist() == pytest.approx(one_by_one, abs=1e-12)


def test_score_uses_each_events_own_weights() -> None:
    values = Signals(20.0, 0.0, np.array([10, 10]), np.array([10, 10]), 0.0, 0.0)
    settings = ScoreSettings(chat_weight=np.array([0.3, 0.6]))
    assert score(values, settings).tolist() == pytest.approx([0.55, 0.85])


def test_normalise_rate_knows_its_ends() -> None:
    assert float(normalise_rate(0, 20)) == 0
    assert float(normalise_rate(20, 20)) == pytest.approx(1)
    assert float(normalise_rate(200, 20)) == 1


def test_active_ratio_of_an_empty_room_is_zero() -> None:
    assert active_ratio(np.array([0, 3]), np.array([0, 4])).tolist() == [0, 0.75]


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (1.0, "VERY_HIGH"),
        (0.8, "VERY_HIGH"),
        (0.799999999, "HIGH"),
        (0.6, "HIGH"),
        (0.4, "MODERATE"),
        (0.2, "LOW"),
        (0.199999999, "VERY_LOW"),
        (0.0, "VERY_LOW"),
    ],
)
def test_category_holds_its_lower_bound(value: float, name: str) -> None:
    assert category(value) == name
    assert categories(np.array([value])).tolist() == [name]


def test_a_sum_that_should_reach_a_band_reaches_it() -> None:
    full = Signals(20.0, 1.0, 10, 10, 0.0, 0.0)  # 0.30 + 0.25 + 0.25
    assert category(float(total(explain(full, ScoreSettings())))) == "VERY_HIGH"


def test_each_contribution_says_what_it_is_made_of() -> None:
    settings = ScoreSettings(0.3, 0.2, 0.25, 0.15, 0.1, 20.0, 10.0)
    parts = explain(Signals(20.0, 0.4, 30, 120, 0.0, 0.5), settings)
    assert [(part.signal, *(round(float(value), 9) for value in part[1:])) for part in parts] == [
        ("chat_msgs_per_min", 20.0, 1.0, 0.3, 0.3),
        ("poll_participation", 0.4, 0.4, 0.2, 0.08),
        ("active_users", 0.25, 0.25, 0.25, 0.0625),
        ("reactions_per_min", 0.0, 0.0, 0.15, 0.0),
        ("user_leave_rate", 0.5, 0.5, -0.1, -0.05),
    ]


@pytest.mark.parametrize("ratio", [-0.5, 0.0, 1.0, 1.5])
def test_ratios_out_of_range_count_as_the_nearest(ratio: float) -> None:
    parts = explain(Signals(0.0, ratio, 0, 0, 0.0, ratio), ScoreSettings())
    nearest = min(1.0, max(0.0, ratio))
    assert (float(parts[1].normalised), float(parts[4].normalised)) == (nearest, nearest)


def test_more_active_than_all_users_are_all() -> None:
    assert float(active_ratio(5, 4)) == float(active_ratio(1, 1)) == 1
    assert active_ratio(5, 4).dtype == np.float64


def test_a_score_is_clamped_and_rounded() -> None:
    everything = Signals(20.0, 1.0, 1, 1, 10.0, 0.0)
    assert float(score(everything, ScoreSettings(chat_weight=0.9))) == 1
    assert float(score(Signals(0.0, 0.0, 0, 0, 0.0, 1.0), ScoreSettings())) == 0
    third = Signals(0.0, 1 / 3, 0, 0, 0.0, 0.0)
    assert float(score(third, ScoreSettings(poll_weight=1.0))) == 0.333333333


def test_a_score_is_an_array_of_its_own_type() -> None:
    whole = Signals(*(np.zeros(2, np.float32) for _ in Signals._fields))
    found = score(whole, ScoreSettings(*np.float32([0.3] * 5), *np.float32([20.0, 10.0])))
    assert isinstance(found, np.ndarray)
    assert found.dtype == np.float64
