"""Fitting a calibration to past sessions, without labels.

The tables must describe quiet ticks, and past sessions had their bad moments too. So the detector
runs over them several times, and what it takes for an episode with the tables so far is left out
of the next ones: first the features are tabled, then the forest and the z-score that are made of
them, then their combination.
"""

from collections.abc import Callable, Iterable

import numpy as np
from numpy.typing import NDArray

from anomalies_app.detector.calibration import (
    AUDIENCE_SIZES,
    TAIL_PROBABILITIES,
    Calibration,
    CalibrationError,
    TailTable,
)
from anomalies_app.detector.episodes import YOUNGEST_TICKS
from anomalies_app.detector.judgement import Judgement
from anomalies_app.detector.state import FEATURE_COUNT, FOREST, NO_EPISODE
from anomalies_app.evaluation.offline import Run
from sessions_app.recordings.signal_recording import RecordedSignals
from sessions_app.scoring.detection_settings import DetectionSettings

Floats = NDArray[np.float32]
Progress = Callable[[int], None]
# Gives the recorded sessions portion by portion, whole sessions each; once for every pass.
Portions = Callable[[], Iterable[RecordedSignals]]

PASSES = 4
FEWEST_QUIET_TICKS = 5_000
# An episode begins before it is noticed, and its traces stay for a while.
TICKS_BEFORE_EPISODE = 36
TICKS_AFTER_EPISODE = 24
PRIOR_SEED = 7
# Rules alone tell trouble here: by tables that trouble has gone into, it would not stand out.
RULES_ALONE = DetectionSettings(warning_threshold=0.0)
# Of each audience size, so that however much there is of it, it fits into memory (64 MB in all).
LARGEST_SAMPLE = 200_000
SAMPLE_SEED = 8
_SIZE_COLUMN = FEATURE_COUNT + 3
_COLUMNS = 2 * FEATURE_COUNT + 4


class QuietTicks:
    """What the detector saw on the ticks that nothing was wrong with, one row per session-tick."""

    def __init__(self) -> None:
        self._rows: list[Floats] = []
        self._stretches: list[NDArray[np.int64]] = []
        self._numbers: list[NDArray[np.int64]] = []
        self._usable: list[NDArray[np.bool_]] = []
        self._troubled: list[NDArray[np.bool_]] = []

    def take(self, run: Run, number: int, stretches: NDArray[np.int64], found: Judgement) -> None:
        """Notes one step."""
        columns = [*found.evidence.features(), found.forest, found.deviation, found.combined]
        columns.append(found.sizes.classes.astype(np.float32))
        self._rows.append(np.column_stack([*columns, found.points]))
        self._stretches.append(stretches)
        self._numbers.append(np.full(len(stretches), number))
        self._usable.append((run.state["age"] > YOUNGEST_TICKS) & (run.state["quiet_for"] == 0))
        troubled = run.state["episode"] != NO_EPISODE
        troubled[found.changes.ended] = True
        self._troubled.append(troubled)

    def rows(self) -> Floats:
        """The quiet ones."""
        stretches, numbers = np.concatenate(self._stretches), np.concatenate(self._numbers)
        troubled = np.concatenate(self._troubled)
        order = np.lexsort((numbers, stretches))
        near = np.zeros(len(order), np.bool_)
        near[order] = _near(troubled[order], stretches[order])
        return np.concatenate(self._rows)[np.concatenate(self._usable) & ~near]


def _near(troubled: NDArray[np.bool_], stretches: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Where the same stretch is troubled within the margins around."""
    near = troubled.copy()
    places = np.flatnonzero(troubled)
    for offset in range(-TICKS_BEFORE_EPISODE, TICKS_AFTER_EPISODE + 1):
        moved = places + offset
        inside = (moved >= 0) & (moved < len(near))
        same = stretches[np.clip(moved, 0, len(near) - 1)] == stretches[places]
        near[moved[inside & same]] = True
    return near


class Sample:
    """Rows of quiet ticks, of each audience size at most so many, each as likely as any other.

    Args:
        largest: rows of one audience size that are kept.

    Attributes:
        rows: those that are kept, in the order in which they came.
        seen: how many there were.
    """

    def __init__(self, largest: int = LARGEST_SAMPLE) -> None:
        self.rows: Floats = np.zeros((0, _COLUMNS), np.float32)
        self.seen = 0
        self._lots: NDArray[np.float64] = np.zeros(0)
        self._random = np.random.default_rng(SAMPLE_SEED)
        self._largest = largest

    def add(self, rows: Floats) -> None:
        """Takes more rows, as :meth:`QuietTicks.rows` gives them."""
        self.seen += len(rows)
        self.rows = np.concatenate([self.rows, rows])
        self._lots = np.concatenate([self._lots, self._random.random(len(rows))])
        kept = np.ones(len(self.rows), np.bool_)
        for size in range(len(AUDIENCE_SIZES) + 1):
            places = np.flatnonzero(self.rows[:, _SIZE_COLUMN] == size)
            if len(places) > self._largest:
                lots = np.argpartition(self._lots[places], self._largest)
                kept[places[lots[self._largest :]]] = False
        if not kept.all():
            self.rows, self._lots = self.rows[kept], self._lots[kept]


def fit_calibration(
    portions: Portions, name: str, made_from: str, progress: Progress | None = None
) -> Calibration:
    """A calibration of past sessions.

    Args:
        portions: called for every pass; gives their signals.
        name: of the calibration.
        made_from: where they are from, in words.
        progress: called with the number of session-ticks of each step, :data:`PASSES` times over.

    Raises:
        CalibrationError: too little to go by.
    """
    calibration = _blank(name, made_from)
    for _ in range(PASSES):
        sample = Sample()
        for recorded in portions():
            if recorded.row_count:
                sample.add(_quiet_rows(recorded, calibration, progress))
        if sample.seen < FEWEST_QUIET_TICKS:
            raise CalibrationError(
                f"{sample.seen} quiet ticks are too few to calibrate by: "
                f"at least {FEWEST_QUIET_TICKS}"
            )
        calibration = _refined(calibration, sample)
    return calibration


def _quiet_rows(
    recorded: RecordedSignals, calibration: Calibration, progress: Progress | None
) -> Floats:
    run, quiet = Run(recorded, calibration, settings=RULES_ALONE), QuietTicks()
    for step, judgement in run.judgements():
        quiet.take(run, step.number, step.stretches, judgement)
        if progress is not None:
            progress(len(step.stretches))
    return quiet.rows()


def _refined(calibration: Calibration, sample: Sample) -> Calibration:
    rows = sample.rows
    features, rest = rows[:, :FEATURE_COUNT], rows[:, FEATURE_COUNT:]
    forest, deviation, combined, classes = rest[:, :4].T
    sizes = classes.astype(np.intp)
    return Calibration(
        calibration.name,
        calibration.made_from,
        sample.seen,
        tuple(TailTable.fitted(column, sizes) for column in features.T),
        TailTable.fitted(forest, sizes),
        TailTable.fitted(deviation, sizes),
        TailTable.fitted(combined, sizes),
        _prior(rest[:, 4:], sizes),
    )


def _prior(points: Floats, sizes: NDArray[np.intp]) -> Floats:
    """A window of points drawn from quiet ticks of each audience size."""
    random = np.random.default_rng(PRIOR_SEED)
    windows = []
    for size in range(len(AUDIENCE_SIZES) + 1):
        places = np.flatnonzero(sizes == size)
        if len(places) < FOREST.window:
            places = np.arange(len(points))
        windows.append(points[random.choice(places, FOREST.window, replace=False)])
    return np.array(windows)


def _blank(name: str, made_from: str) -> Calibration:
    """Tables to begin with, by which a tick is unusual if it stands out by several deviations."""
    steps = np.arange(len(TAIL_PROBABILITIES)) * 0.5
    table = TailTable(np.tile(steps, (len(AUDIENCE_SIZES) + 1, 1)))
    prior = np.zeros((len(AUDIENCE_SIZES) + 1, FOREST.window, FEATURE_COUNT), np.float32)
    forest = TailTable(np.tile(np.linspace(0.5, 0.99, steps.size), (len(AUDIENCE_SIZES) + 1, 1)))
    lowest = TailTable(table.knots - 100)
    return Calibration(name, made_from, 0, (table,) * FEATURE_COUNT, forest, table, lowest, prior)
