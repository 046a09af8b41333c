"""Fitting a calibration to past sessions, without labels.

The tables must describe quiet ticks, but past sessions have had their anomalies too. So what the
detector's rules alone take for an episode is left out. The detector runs over the sessions several
times, as tables depend on each other: first the features are tabulated, then the forest and the
z-score that depend on them, then their combination.
"""

from collections.abc import Callable, Iterable

import numpy as np
from numpy.typing import NDArray

from anomalies_app.detector.calibration import (
    AUDIENCE_SIZES,
    SURPRISES,
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
# Yields the recorded sessions batch by batch, whole sessions each; called once per pass.
Batches = Callable[[], Iterable[RecordedSignals]]

PASSES = 4
FEWEST_QUIET_TICKS = 5_000
# An episode begins before it is detected, and leaves traces for a while.
TICKS_BEFORE_EPISODE = 36
TICKS_AFTER_EPISODE = 24
PRIOR_SEED = 7
# Only the rules decide here: tables that contain anomalies would not let them stand out.
RULES_ALONE = DetectionSettings(warning_threshold=0.0)
# Per size class, so that any amount of data fits into memory (64 MB in all).
LARGEST_SAMPLE = 200_000
SAMPLE_SEED = 8
_SIZE_COLUMN = FEATURE_COUNT + 3
_COLUMNS = 2 * FEATURE_COUNT + 4


class QuietTicks:
    """The detector's intermediate results in quiet ticks, one row per session-tick."""

    def __init__(self) -> None:
        self._rows: list[Floats] = []
        self._stretches: list[NDArray[np.int64]] = []
        self._numbers: list[NDArray[np.int64]] = []
        self._usable: list[NDArray[np.bool_]] = []
        self._troubled: list[NDArray[np.bool_]] = []

    def take(self, run: Run, number: int, stretches: NDArray[np.int64], found: Judgement) -> None:
        """Adds a step."""
        columns = [*found.features.forest_inputs(), found.forest, found.deviation, found.combined]
        columns.append(found.sizes.classes.astype(np.float32))
        self._rows.append(np.column_stack([*columns, found.points]))
        self._stretches.append(stretches)
        self._numbers.append(np.full(len(stretches), number))
        self._usable.append((run.state["age"] > YOUNGEST_TICKS) & (run.state["quiet_for"] == 0))
        troubled = run.state["episode"] != NO_EPISODE
        troubled[found.changes.ended] = True
        self._troubled.append(troubled)

    def rows(self) -> Floats:
        """The rows of quiet ticks."""
        stretches, numbers = np.concatenate(self._stretches), np.concatenate(self._numbers)
        troubled = np.concatenate(self._troubled)
        order = np.lexsort((numbers, stretches))
        near = np.zeros(len(order), np.bool_)
        near[order] = _near(troubled[order], stretches[order])
        return np.concatenate(self._rows)[np.concatenate(self._usable) & ~near]


def _near(troubled: NDArray[np.bool_], stretches: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Where the same stretch has an episode, with the margins around it."""
    near = troubled.copy()
    rows = np.flatnonzero(troubled)
    for offset in range(-TICKS_BEFORE_EPISODE, TICKS_AFTER_EPISODE + 1):
        others = rows + offset
        inside = (others >= 0) & (others < len(near))
        same = stretches[np.clip(others, 0, len(near) - 1)] == stretches[rows]
        near[others[inside & same]] = True
    return near


class Sample:
    """A uniform random sample of the quiet ticks of each size class.

    Args:
        largest: how many rows of one size class are kept.

    Attributes:
        rows: those that are kept, in the order in which they were added.
        seen: how many were added.
    """

    def __init__(self, largest: int = LARGEST_SAMPLE) -> None:
        self.rows: Floats = np.zeros((0, _COLUMNS), np.float32)
        self.seen = 0
        self._lots: NDArray[np.float64] = np.zeros(0)
        self._random = np.random.default_rng(SAMPLE_SEED)
        self._largest = largest

    def add(self, rows: Floats) -> None:
        """Adds rows of :meth:`QuietTicks.rows`."""
        self.seen += len(rows)
        self.rows = np.concatenate([self.rows, rows])
        self._lots = np.concatenate([self._lots, self._random.random(len(rows))])
        kept = np.ones(len(self.rows), np.bool_)
        for size in range(len(AUDIENCE_SIZES) + 1):
            rows_of_size = np.flatnonzero(self.rows[:, _SIZE_COLUMN] == size)
            if len(rows_of_size) > self._largest:
                lots = np.argpartition(self._lots[rows_of_size], self._largest)
                kept[rows_of_size[lots[self._largest :]]] = False
        if not kept.all():
            self.rows, self._lots = self.rows[kept], self._lots[kept]


def fit_calibration(
    batches: Batches, name: str, made_from: str, progress: Progress | None = None
) -> Calibration:
    """Fits a calibration to past sessions.

    Args:
        batches: called once per pass; yields their signals.
        name: of the calibration.
        made_from: the origin of the sessions, in words.
        progress: called after each step of each of the :data:`PASSES` passes, with the number of
            its session-ticks.

    Raises:
        CalibrationError: there are too few quiet ticks.
    """
    calibration = _blank(name, made_from)
    for _ in range(PASSES):
        sample = Sample()
        for recorded in batches():
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
        name=calibration.name,
        made_from=calibration.made_from,
        ticks=sample.seen,
        features=tuple(TailTable.fitted(column, sizes) for column in features.T),
        forest=TailTable.fitted(forest, sizes),
        deviation=TailTable.fitted(deviation, sizes),
        combined=TailTable.fitted(combined, sizes),
        prior=_prior(rest[:, 4:], sizes),
    )


def _prior(points: Floats, sizes: NDArray[np.intp]) -> Floats:
    """For each size class, a window of points drawn from quiet ticks."""
    random = np.random.default_rng(PRIOR_SEED)
    windows = []
    for size in range(len(AUDIENCE_SIZES) + 1):
        rows = np.flatnonzero(sizes == size)
        if len(rows) < FOREST.window:
            rows = np.arange(len(points))
        windows.append(points[random.choice(rows, FOREST.window, replace=False)])
    return np.array(windows)


def _blank(name: str, made_from: str) -> Calibration:
    """Tables to begin with; after :data:`PASSES` passes nothing depends on them."""
    classes = len(AUDIENCE_SIZES) + 1
    table = TailTable(np.tile(SURPRISES, (classes, 1)))
    return Calibration(
        name=name,
        made_from=made_from,
        ticks=0,
        features=(table,) * FEATURE_COUNT,
        forest=table,
        deviation=table,
        combined=table,
        prior=np.zeros((classes, FOREST.window, FEATURE_COUNT), np.float32),
    )
