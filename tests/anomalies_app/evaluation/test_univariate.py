"""The univariate detector: causal, the same trees as River's, and it finds what stands out."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from river.anomaly import HalfSpaceTrees

from anomalies_app.detector.half_space_trees import HalfSpaceForest
from anomalies_app.evaluation.univariate import (
    CERTAIN,
    FIRST_SAME_TIME,
    FOREST_SHARE,
    SAME_TIME,
    Z_SCORE_SHARE,
    UnivariateDetector,
    at_same_time,
    forest_scores,
    half_hours,
    keep_peaks,
    power_law_evidence,
    robust_z_scores,
    tail_evidence,
    z_scores,
)

SMALL = UnivariateDetector(horizons=(5, 40), tree_count=5, window=32, quiet=20)


def counts(seed: int, length: int) -> np.ndarray:
    """A series of over-dispersed counts with a daily pattern and a few bursts."""
    random = np.random.default_rng(seed)
    rate = 20 * np.exp(0.7 * np.cos(np.arange(length) / 45))
    rate[random.integers(0, length, 4)] *= 8
    return random.negative_binomial(5, 5 / (5 + rate)).astype(float)


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.integers(1, 399),
    st.sampled_from([0.0, 1e6, -1e6]),
    st.sampled_from(["combined", "forest", "z_score"]),
)
def test_score_series_does_not_know_the_future(
    seed: int, known: int, other: float, part: str
) -> None:
    values, slots = counts(seed, 400), np.arange(400) // 3 % 5
    scores = SMALL.score_series(values, part, slots)
    assert np.array_equal(SMALL.score_series(values[:known], part, slots[:known]), scores[:known])
    values[known:] = other
    slots[known:] = 0
    assert np.array_equal(SMALL.score_series(values, part, slots)[:known], scores[:known])


def test_score_series_does_not_know_the_future_at_full_size() -> None:
    values = counts(1, 3000)
    slots = np.arange(3000) // 6 % 48
    detector = UnivariateDetector()
    scores = detector.score_series(values, slots=slots)
    for known in (1, 255, 257, 2017, 2999):
        found = detector.score_series(values[:known], slots=slots[:known])
        assert np.array_equal(found, scores[:known])


@settings(max_examples=25, deadline=None)
@given(st.lists(st.floats(-1e12, 1e12), max_size=200))
def test_scores_lie_between_0_and_1(values: list[float]) -> None:
    scores = SMALL.score_series(np.array(values))
    assert len(scores) == len(values)
    assert ((scores >= 0) & (scores < 1)).all()


@pytest.mark.parametrize("value", [0.0, 45.0, -1e9])
def test_a_constant_series_is_never_anomalous(value: float) -> None:
    detector = UnivariateDetector()
    assert detector.parts(np.full(1500, value)).z_score.max() == 0
    changed = np.full(1500, value)
    changed[1200] += 1
    assert detector.score_series(changed).argmax() == 1200


@pytest.mark.parametrize("part", ["combined", "forest", "z_score"])
@pytest.mark.parametrize("factor", [8.0, 15.0])
def test_a_burst_scores_highest(part: str, factor: float) -> None:
    values = np.random.default_rng(5).poisson(20, 2000).astype(float)
    values[1500] *= factor
    assert UnivariateDetector().score_series(values, part).argmax() == 1500


def test_a_silence_is_found_as_a_burst_is() -> None:
    values = np.random.default_rng(5).normal(20, 1, 2000)
    values[1500:1520] = 5
    assert UnivariateDetector().score_series(values).argmax() in range(1500, 1503)


def test_a_missing_daily_peak_is_found() -> None:
    row = np.arange(288 * 13)
    peak = 30 * (1 - np.cos(2 * np.pi * row / 288))
    peak[288 * 12 :] = 0
    values = 20 + peak + np.random.default_rng(5).normal(0, 2, len(row))
    detector = UnivariateDetector()
    for slots, is_found in ((row // 6 % 48, True), (None, False)):
        scores = detector.score_series(values, slots=slots)
        highest = int(scores[288 * 5 :].argmax()) + 288 * 5
        assert (highest >= 288 * 12) == is_found


def test_scale_and_offset_do_not_matter() -> None:
    values = counts(2, 1500)
    scores = UnivariateDetector().score_series(values)
    assert UnivariateDetector().score_series(values * 64) == pytest.approx(scores, abs=1e-4)


def test_parts_are_weighed_7_to_3() -> None:
    parts = UnivariateDetector().parts(counts(3, 1000))
    assert (FOREST_SHARE, Z_SCORE_SHARE) == (0.7, 0.3)
    assert parts.combined == pytest.approx(0.7 * parts.forest + 0.3 * parts.z_score)


def test_score_series_refuses_what_is_no_number() -> None:
    with pytest.raises(ValueError, match="finite"):
        UnivariateDetector().score_series(np.array([1.0, math.nan]))


# The pieces


def test_robust_z_scores_are_distances_from_the_past_in_its_spread() -> None:
    values = np.array([*range(30), 100.0, -100.0])
    found = robust_z_scores(values, 11)
    # At row 30 the past is 19 to 29: median 24, ninth decile 28; the mean deviation is larger, 6.
    deviations = [
        row - sorted(range(max(0, row - 11), row))[(min(row, 11)) // 2] for row in range(1, 30)
    ]
    assert deviations[-1] == 6
    assert found[30] == pytest.approx(76 / max(4, _running(deviations, 11)))
    assert (found[:24] == 0).all()
    assert found[31] > 0


def _running(deviations: list[int], horizon: int) -> float:
    mean = 0.0
    for index, deviation in enumerate(deviations, start=1):
        mean += max(1 - math.exp(-1 / horizon), 1 / index) * (deviation - mean)
    return mean


def test_z_scores_are_standard_deviations_from_the_running_mean() -> None:
    values = np.array([3.0, 5.0] * 15 + [9.0, 9.0])
    # So long a horizon weighs all alike: mean 4, deviation 1 before the first 9.
    found = z_scores(values, 10**6)
    assert found[30] == pytest.approx(5)
    assert (found[:24] == 0).all()
    assert found[24:30] == pytest.approx(1, abs=0.05)
    assert found[31] == pytest.approx((9 - values[:31].mean()) / values[:31].std())


def test_half_hours_are_parts_of_the_day() -> None:
    times = [
        "2026-01-01 00:29:59",
        "2026-01-01 00:30:00",
        "2026-03-05T23:59",
        "2026-03-06 12:00:00",
    ]
    assert half_hours(times).tolist() == [0, 1, 47, 24]
    assert half_hours([]).tolist() == []


def test_at_same_time_compares_within_each_part_of_the_day() -> None:
    random = np.random.default_rng(6)
    day, night = random.normal(50, 1, 200), random.normal(5, 1, 200)
    values, slots = np.ravel([day, night], order="F"), np.tile([1, 0], 200)
    found = at_same_time(z_scores, values, slots)
    assert np.array_equal(found[::2], z_scores(day, SAME_TIME, FIRST_SAME_TIME))
    assert np.array_equal(found[1::2], z_scores(night, SAME_TIME, FIRST_SAME_TIME))
    assert (found[: 2 * FIRST_SAME_TIME] == 0).all()


def test_power_law_evidence_falls_with_the_fourth_power() -> None:
    evidence = power_law_evidence(np.array([0.0, 3.0, 30.0, 1e9]))
    assert evidence == pytest.approx([0, 2, 5.9094, CERTAIN], abs=1e-4)


def test_tail_evidence_is_the_share_of_higher_values() -> None:
    past = np.arange(1, 1025, dtype=float)
    evidence = tail_evidence(np.append(past, [512.5, 1.0, 1e9]))
    assert (evidence[:64] == 0).all()
    assert evidence[1024] == pytest.approx(-math.log10(513 / 1025))
    assert evidence[1025] == pytest.approx(0)
    assert evidence[1026] == CERTAIN


def test_tail_evidence_extrapolates_an_exponential() -> None:
    random = np.random.default_rng(8)
    values = random.exponential(size=64 * 400)
    values[-1] = 14.0
    assert tail_evidence(values)[-1] == pytest.approx(14 / math.log(10), rel=0.15)


def test_forest_scores_are_rivers() -> None:
    points = np.random.default_rng(3).beta(1, 6, (700, 3))
    river = HalfSpaceTrees(n_trees=7, height=8, window_size=100, seed=9)
    expected = []
    for point in points:
        features = {f"{number:05d}": value for number, value in enumerate(point)}
        expected.append(river.score_one(features))
        river.learn_one(features)
    forest = HalfSpaceForest(3, 7, 8, 100, 9)
    assert forest_scores(forest, points) == pytest.approx(expected, abs=1e-12)


def test_keep_peaks_silences_lesser_ones_for_a_while() -> None:
    evidence = np.array([0, 3, 2, 3.1, 5, 0, 0, 4.9, 5.1, 0, 6, 1])
    kept = keep_peaks(evidence, quiet=3, margin=0.2)
    assert kept.tolist() == [0, 3, 0, 0, 5, 0, 0, 0, 0, 0, 6, 0]
