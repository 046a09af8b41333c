"""What calibrations are made of."""

from dataclasses import replace
from unittest import mock

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from anomalies_app.detector.calibration import (
    TAIL_PROBABILITIES,
    Calibration,
    CalibrationError,
    TailTable,
)
from anomalies_app.detector.state import FEATURE_COUNT
from anomalies_app.evaluation import calibration_fitting
from anomalies_app.evaluation.calibration_fitting import (
    Sample,
    _near,
    _prior,
    _quiet_rows,
    _refined,
    fit_calibration,
)
from sessions_app.recordings.signal_recording import SIGNALS
from tests.anomalies_app.detector.test_detector import BUILT_IN, EXIT, GONE, QUIET
from tests.anomalies_app.rooms import Stretch, room, together

SIZE, COLUMNS = FEATURE_COUNT + 3, 2 * FEATURE_COUNT + 4
# Before this age a session is not judged.
YOUNG = 24


def rows(count: int, size: int, first: float = 0.0) -> np.ndarray:
    made = np.zeros((count, COLUMNS), np.float32)
    made[:, 0] = first + np.arange(count)
    made[:, SIZE] = size
    return made


@pytest.fixture
def past(monkeypatch):
    monkeypatch.setattr(calibration_fitting, "FEWEST_QUIET_TICKS", 1_000)
    quiet = [room(Stretch(120, 20 * n, 5 * n), name=f"s{n}", seed=n) for n in range(1, 21)]
    return together(*quiet)


def test_what_fits_is_kept_in_its_order():
    sample = Sample(largest=10)
    sample.add(rows(6, 0))
    sample.add(rows(4, 0, first=6))
    assert sample.rows[:, 0].tolist() == list(range(10))
    assert sample.seen == 10


def test_of_each_size_no_more_than_the_largest_are_kept_from_all_portions_alike():
    sample = Sample(largest=100)
    for portion in range(20):
        sample.add(rows(500, 1, first=500 * portion))
        sample.add(rows(2, 3))
    kept = sample.rows[sample.rows[:, SIZE] == 1, 0]
    assert sample.seen == 20 * 502
    assert len(kept) == 100
    assert sample.rows.dtype == np.float32  # half the memory of numbers of 64 bits
    assert np.count_nonzero(sample.rows[:, SIZE] == 3) == 40
    assert (np.diff(kept) > 0).all()
    assert 3_500 < kept.mean() < 6_500


@pytest.mark.parametrize("size", range(5))
def test_the_same_rows_of_any_size_class_give_the_same_sample(size: int) -> None:
    samples = [Sample(largest=100), Sample(largest=100)]
    for sample in samples:
        sample.add(rows(500, size))
    one, other = (sample.rows for sample in samples)
    assert len(one) == 100
    assert np.array_equal(one, other)


@given(
    st.lists(st.integers(1, 70), min_size=1, max_size=4),
    st.sets(st.integers(0, 279), max_size=4),
)
@example([1, 40], {1})
@example([40, 1], {39})
@example([5], {0})
@example([100, 100], {90})
def test_around_trouble_three_minutes_before_and_two_after_are_left_out(
    lengths: list[int], troubled_rows: set[int]
) -> None:
    stretches = np.repeat(np.arange(len(lengths)), lengths)
    troubled = np.isin(np.arange(len(stretches)), [*troubled_rows])
    expected = {
        other
        for row in np.flatnonzero(troubled).tolist()
        for other in range(row - 36, row + 24 + 1)
        if 0 <= other < len(stretches) and stretches[other] == stretches[row]
    }
    assert set(np.flatnonzero(_near(troubled, stretches)).tolist()) == expected


def test_quiet_are_the_ticks_of_sessions_old_enough_to_be_judged() -> None:
    done: list[int] = []
    quiet = _quiet_rows(room(Stretch(100, 200, 40)), BUILT_IN, done.append)
    assert quiet.shape == (100 - YOUNG, COLUMNS)
    assert quiet.dtype == np.float32
    assert (quiet[:, SIZE] == 3).all()
    assert done == [1] * 100


def test_nothing_is_quiet_from_before_an_episode_until_after_its_end() -> None:
    """However usual the calibration takes it to be: what decides are the rules."""
    usual = replace(BUILT_IN, combined=TailTable(BUILT_IN.combined.knots + 1000))
    began, ended, ticks = 80, 116, 222
    trouble = room(QUIET, EXIT, GONE, Stretch(100, 80, 16))
    quiet = room(Stretch(ticks, 30, 5), name="quiet")
    found = _quiet_rows(together(trouble, quiet), usual, None)
    assert trouble.row_count == ticks
    assert len(found) == 2 * (ticks - YOUNG) - (36 + ended - began + 1 + 24)
    assert np.count_nonzero(found[:, SIZE] == 1) == ticks - YOUNG


def test_tables_describe_the_rows_of_each_size_class_with_ten_thousand_of_them() -> None:
    sample = Sample()
    random = np.random.default_rng(1)
    for size, count in [(0, 40), (1, 10_000), (3, 10_001)]:
        some = random.random((count, COLUMNS)).astype(np.float32) + size
        some[:, SIZE] = size
        sample.add(some)
    refined = _refined(replace(BUILT_IN, name="one", made_from="tests", ticks=3), sample)
    assert (refined.name, refined.made_from, refined.ticks) == ("one", "tests", 20_041)
    tables = [*refined.features, refined.forest, refined.deviation, refined.combined]
    assert len(tables) == SIZE
    everything = sample.rows
    shares = 1 - np.array(TAIL_PROBABILITIES)
    for column, table in enumerate(tables):
        for size in range(5):
            own = everything[everything[:, SIZE] == size] if size in {1, 3} else everything
            assert np.allclose(table.knots[size], np.quantile(own[:, column], shares), atol=1e-3)
    assert refined.prior.shape == (5, 30, FEATURE_COUNT)
    assert np.floor(refined.prior[[0, 1, 3]]).max(axis=(1, 2)).tolist() == [0, 1, 3]


def test_the_prior_of_a_size_class_is_drawn_from_its_own_points_if_they_are_enough() -> None:
    sizes = np.repeat([0, 1, 3, 4], [30, 29, 31, 500])
    points = np.arange(len(sizes))[:, None] + np.zeros(FEATURE_COUNT, np.float32)
    prior = _prior(points.astype(np.float32), sizes)
    assert prior.shape == (5, 30, FEATURE_COUNT)
    drawn = prior[:, :, 0].astype(int)
    assert all(len(set(window)) == 30 for window in drawn.tolist())
    assert set(drawn[0]) == set(range(30))
    assert set(drawn[3]) < set(range(59, 90))
    assert set(drawn[4]) < set(range(90, 590))
    for window in (drawn[1], drawn[2]):
        assert len({*sizes[window]}) > 1
    assert np.array_equal(prior, _prior(points.astype(np.float32), sizes))


@pytest.mark.parametrize(("portions", "ticks"), [([], 0), ([room(Stretch(300, 50, 10))], 276)])
def test_too_little_is_refused(portions: list, ticks: int) -> None:
    with pytest.raises(CalibrationError) as refusal:
        fit_calibration(lambda: portions, "one", "tests")
    expected = f"{ticks} quiet ticks are too few to calibrate by: at least 5000"
    assert str(refusal.value) == expected


def test_the_fewest_ticks_are_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    recorded = room(Stretch(100, 200, 40))
    monkeypatch.setattr(calibration_fitting, "FEWEST_QUIET_TICKS", 100 - YOUNG)
    fitted = fit_calibration(lambda: [recorded], "one", "tests")
    assert (fitted.name, fitted.made_from, fitted.ticks) == ("one", "tests", 76)


def test_a_calibration_does_not_depend_on_the_tables_to_begin_with(past) -> None:
    done: list[int] = []
    one = fit_calibration(lambda: [past], "one", "tests", done.append)
    assert sum(done) == 4 * past.row_count

    def built_in(name: str, made_from: str) -> Calibration:
        return replace(BUILT_IN, name=name, made_from=made_from)

    with mock.patch.object(calibration_fitting, "_blank", built_in):
        other = fit_calibration(lambda: [past], "one", "tests")
    assert one.to_stored() == other.to_stored()


def test_a_calibration_does_not_depend_on_the_portions(past) -> None:
    whole = fit_calibration(lambda: [past], "one", "tests")
    halves = [_only(past, past.session < 9), _only(past, past.session >= 9)]
    parts = fit_calibration(lambda: halves, "one", "tests")
    assert np.allclose(whole.combined.knots, parts.combined.knots, atol=0.15)
    assert whole.ticks == parts.ticks == pytest.approx(20 * (120 - YOUNG), rel=0.1)


def _only(recorded, chosen):
    columns = {name: getattr(recorded, name)[chosen] for name in ("tick", "muted", *SIGNALS)}
    numbers, session = np.unique(recorded.session[chosen], return_inverse=True)
    names = [recorded.session_ids[number] for number in numbers]
    return recorded._replace(session=session, session_ids=names, **columns)
