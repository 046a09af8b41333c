"""What calibrations are made of."""

import numpy as np
import pytest

from anomalies_app.detector.calibration import CalibrationError
from anomalies_app.detector.episodes import YOUNGEST_TICKS
from anomalies_app.detector.state import FEATURE_COUNT
from anomalies_app.evaluation import calibration_fitting
from anomalies_app.evaluation.calibration_fitting import PASSES, Sample, _near, fit_calibration
from sessions_app.recordings.signal_recording import SIGNALS
from tests.anomalies_app.rooms import Stretch, room, together

SIZE, COLUMNS = FEATURE_COUNT + 3, 2 * FEATURE_COUNT + 4


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
    assert np.count_nonzero(sample.rows[:, SIZE] == 3) == 40
    assert (np.diff(kept) > 0).all()
    assert 3_500 < kept.mean() < 6_500


def test_around_trouble_its_own_stretch_is_left_out():
    stretches = np.repeat([0, 1], 100)
    troubled = np.zeros(200, np.bool_)
    troubled[90] = True
    near = np.flatnonzero(_near(troubled, stretches))
    assert near.tolist() == list(range(90 - 36, 100))


def test_a_calibration_does_not_depend_on_the_portions(past):
    done = []
    whole = fit_calibration(lambda: [past], "one", "tests", done.append)
    assert sum(done) == PASSES * past.row_count
    halves = [_only(past, past.session < 9), _only(past, past.session >= 9)]
    parts = fit_calibration(lambda: halves, "one", "tests")
    assert np.allclose(whole.combined.knots, parts.combined.knots, atol=0.15)
    assert whole.ticks == parts.ticks == pytest.approx(20 * (120 - YOUNGEST_TICKS), rel=0.1)


@pytest.mark.parametrize("portions", [[], [room(Stretch(300, 50, 10))]])
def test_too_little_is_refused(portions):
    with pytest.raises(CalibrationError, match="too few to calibrate by"):
        fit_calibration(lambda: portions, "one", "tests")


def _only(recorded, chosen):
    columns = {name: getattr(recorded, name)[chosen] for name in ("tick", "muted", *SIGNALS)}
    numbers, session = np.unique(recorded.session[chosen], return_inverse=True)
    names = [recorded.session_ids[number] for number in numbers]
    return recorded._replace(session=session, session_ids=names, **columns)
