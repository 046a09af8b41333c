"""The detector's formula taken literally, as a baseline for what calibration and rules add.

``0.7 x`` River's HalfSpaceTrees with default parameters on the raw signals, ``+ 0.3 x`` the z-score
of the engagement score over its last 30 points, against fixed thresholds.
"""

from collections import deque

import numpy as np

from anomalies_app.detector.episodes import Kind, Level
from anomalies_app.detector.forest_state import ForestWindows, learn_many, score_many
from anomalies_app.detector.half_space_trees import HalfSpaceForest
from anomalies_app.evaluation.offline import Detection
from anomalies_app.evaluation.recorded_sessions import RecordedSessions
from sessions_app.recordings.signal_recording import RecordedSignals
from sessions_app.scoring.score import ScoreSettings, score

# River's defaults.
FOREST = HalfSpaceForest(6, tree_count=10, height=8, window=250, seed=42)
POINTS, FEWEST_POINTS = 30, 5
TREND_TICKS = 6
# Standard deviations that count as 1, the maximum of the forest's score.
LARGEST_DEVIATIONS = 3.0
DROP, LEAVE_RATE, LOW = 0.25, 0.15, 0.2
WARNING, CRITICAL = 0.6, 0.8


def detect_literally(recorded: RecordedSignals, forest_share: float = 0.7) -> list[Detection]:
    """A detection whenever a type's definition and the combined score start to hold together."""
    sessions = RecordedSessions(recorded)
    windows = ForestWindows.empty(FOREST, 0)
    past: deque[np.ndarray] = deque(maxlen=POINTS)
    stretches = np.zeros(0, np.int64)
    alarmed = np.zeros(0, np.bool_)
    detections = []
    for step in sessions.steps():
        if step.number == 0:
            windows, stretches = ForestWindows.empty(FOREST, len(step.stretches)), step.stretches
            alarmed = np.zeros(len(stretches), np.bool_)
        kept = np.isin(stretches, step.stretches)
        if not kept.all():
            windows, alarmed, stretches = windows.taken(kept), alarmed[kept], step.stretches
            past = deque((values[kept] for values in past), POINTS)
        raw = np.column_stack([np.asarray(values, np.float64) for values in step.signals])
        turns = FOREST.turns(raw)
        engagement = score(step.signals, ScoreSettings())
        combined = forest_share * score_many(FOREST, windows, turns)
        combined += (1 - forest_share) * _deviation(past, engagement)
        learn_many(FOREST, windows, turns)
        kinds = kinds_by_definition(past, engagement, np.asarray(step.signals.user_leave_rate))
        past.append(engagement)
        alarm = (combined >= WARNING) & (kinds > 0) & ~step.muted & (len(past) >= FEWEST_POINTS)
        for row in np.flatnonzero(alarm & ~alarmed).tolist():
            tick = int(sessions.first_ticks[stretches[row]]) + step.number
            level = Level.CRITICAL if combined[row] >= CRITICAL else Level.WARNING
            detections.append(
                bare_detection(sessions.session_ids[stretches[row]], tick, Kind(kinds[row]), level)
            )
        alarmed = alarm
    return detections


def _deviation(past: deque[np.ndarray], engagement: np.ndarray) -> np.ndarray:
    """The z-score scaled to [0, 1]; 0 if there are too few points."""
    if len(past) < FEWEST_POINTS:
        return np.zeros(len(engagement))
    points = np.array(past)
    deviations = np.abs(engagement - points.mean(axis=0)) / np.maximum(points.std(axis=0), 1e-6)
    return np.minimum(deviations / LARGEST_DEVIATIONS, 1.0)


def kinds_by_definition(
    past: deque[np.ndarray], engagement: np.ndarray, leaving: np.ndarray
) -> np.ndarray:
    """The type whose definition holds, or 0 if none does.

    Args:
        past: engagement scores of the previous ticks, oldest first.
        engagement: current scores.
        leaving: current leave rates.
    """
    if not past:
        return np.zeros(len(engagement), np.int64)
    mean = np.mean(past, axis=0)
    falling = engagement < past[-min(TREND_TICKS, len(past))]
    return np.select(
        [leaving >= LEAVE_RATE, engagement < LOW, engagement <= (1 - DROP) * mean, falling],
        [Kind.MASS_EXIT, Kind.LOW_ENGAGEMENT, Kind.SUDDEN_DROP, Kind.GRADUAL_DECLINE],
        0,
    )


def bare_detection(session_id: str, tick: int, kind: Kind, level: Level) -> Detection:
    """A detection with nothing but time, type and severity."""
    return Detection(
        session_id=session_id,
        tick=tick,
        type=kind.name,
        severity=level.name,
        anomaly_score=0,
        current_engagement=0,
        expected_engagement=0,
        deviation=0,
        reason="",
        ended_tick=None,
        worst_severity=level.name,
    )
