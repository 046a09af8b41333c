"""The detector at growing numbers of sessions, compared with River's forest on the same stream."""

import statistics
import time
from collections.abc import Callable

import numpy as np
from river.anomaly import HalfSpaceTrees

from anomalies_app.detector.batches import batches
from anomalies_app.detector.detector import Detector
from anomalies_app.detector.forest_state import ForestWindows, learn_many, score_many
from anomalies_app.detector.judgement import Judgement
from anomalies_app.detector.state import FOREST, DetectorState, bytes_per_session
from anomalies_app.shards.calibration_files import load_calibration
from benchmarks.measurement import Measurement
from sessions_app.scoring.detection_settings import DetectionSettings
from sessions_app.scoring.score import ScoreSettings, Signals, score

SIZES = (1_000, 10_000, 100_000)
# After the first minutes, every forest scores and every rule applies.
WARM_UP_TICKS = 62
MEASURED_TICKS = 9
RIVER_SESSIONS = 100
RIVER_TICKS = 12
STATE_LIMIT_BYTES = 2_048.0
# About three times the usual ratio: River's time varies on a busy machine.
LARGEST_RATIO = 0.06
SEED = 3
MILLISECONDS = 1_000.0


def measure(report: Callable[[str], None]) -> list[Measurement]:
    """Milliseconds per tick; the baseline is River's forest for as many sessions."""
    report(f"River's own forest of {RIVER_SESSIONS} sessions")
    river_ms = river_ms_per_session()
    measurements = []
    for size in SIZES:
        report(f"detector, {size:,} sessions")
        steps, forest = _detector_ms(size)
        note = "River's HalfSpaceTrees alone, same points"
        baseline = river_ms * size
        measurements += [
            Measurement(f"detector_{size}", steps, "ms", baseline, note, most_ratio=LARGEST_RATIO),
            Measurement(f"forest_{size}", forest, "ms", baseline, note),
        ]
    measurements.append(
        Measurement(
            "detector_bytes_per_session",
            float(bytes_per_session()),
            "bytes",
            STATE_LIMIT_BYTES,
            "limit of 2 KB",
        )
    )
    return measurements


def _detector_ms(size: int) -> tuple[float, float]:
    """Median milliseconds of a whole step, and of the forest alone."""
    random = np.random.default_rng(SEED)
    detector = Detector(load_calibration())
    state = DetectorState.fresh(-1, np.arange(size))
    steps, forests = [], []
    for tick in range(WARM_UP_TICKS + MEASURED_TICKS):
        signals = _signals(random, size)
        scores = score(signals, ScoreSettings())
        started = time.perf_counter()
        judgement = detector.step(
            state,
            tick,
            signals=signals,
            scores=scores,
            muted=np.zeros(size, np.bool_),
            score_settings=ScoreSettings(),
            settings=DetectionSettings(),
        )
        steps.append(time.perf_counter() - started)
        if tick >= WARM_UP_TICKS:
            forests.append(_forest_seconds(state.forest, judgement))
    measured = statistics.median(steps[WARM_UP_TICKS:])
    return measured * MILLISECONDS, statistics.median(forests) * MILLISECONDS


def _forest_seconds(windows: ForestWindows, judgement: Judgement) -> float:
    started = time.perf_counter()
    for rows in batches(len(windows)):
        turns, part = FOREST.turns(judgement.points[rows]), windows.taken(rows)
        score_many(FOREST, part, turns)
        learn_many(FOREST, part, turns)
    return time.perf_counter() - started


def _signals(random: np.random.Generator, size: int) -> Signals:
    """Rooms of 5 to 2,000 people; one in a hundred loses a third of them for a tick."""
    people = np.random.default_rng(SEED).integers(5, 2_000, size)
    present = random.binomial(people, 0.95)
    is_exit = random.random(size) < 0.01
    present = np.where(is_exit, present * 2 // 3, present)
    return Signals(
        chat_msgs_per_min=random.poisson(people * 0.05).astype(np.float64),
        poll_participation=np.zeros(size),
        active_users=present,
        total_users=people,
        reactions_per_min=random.poisson(people * 0.02).astype(np.float64),
        user_leave_rate=np.where(is_exit, 0.3, 0.01),
    )


def river_ms_per_session() -> float:
    """Milliseconds River takes to score and learn one point of one session."""
    random = np.random.default_rng(SEED)
    names = [f"{number:05d}" for number in range(FOREST.feature_count)]
    forests = [
        HalfSpaceTrees(FOREST.tree_count, FOREST.height, FOREST.window, seed=FOREST.seed)
        for _ in range(RIVER_SESSIONS)
    ]
    points = random.random((FOREST.window + RIVER_TICKS, RIVER_SESSIONS, FOREST.feature_count))
    started = 0.0
    for tick, rows in enumerate(points):
        if tick == FOREST.window:
            started = time.perf_counter()
        for forest, row in zip(forests, rows, strict=True):
            point = dict(zip(names, row.tolist(), strict=True))
            forest.score_one(point)
            forest.learn_one(point)
    seconds = time.perf_counter() - started
    return seconds / (RIVER_TICKS * RIVER_SESSIONS) * MILLISECONDS
