"""The anomaly score without rules: a detection whenever it reaches the warning threshold."""

from collections import deque

import numpy as np
from numpy.typing import NDArray

from anomalies_app.detector.calibration import Calibration, anomaly_score, surprises
from anomalies_app.detector.episodes import CALM_TICKS, YOUNGEST_TICKS, Kind, Level
from anomalies_app.detector.judgement import Judgement
from anomalies_app.evaluation.offline import Detection, Run
from benchmarks.detection.literal_formula import POINTS, bare_detection, kinds_by_definition
from sessions_app.recordings.signal_recording import RecordedSignals
from sessions_app.scoring.score import ScoreSettings, score

WARNING, CRITICAL = 0.6, 0.8


def detect_by_scores(
    recorded: RecordedSignals, calibration: Calibration, forest_share: float
) -> list[Detection]:
    """Detections by the calibrated forest and z-score alone; types by their definitions.

    Args:
        forest_share: 1 for the forest alone, 0 for the z-score alone.
    """
    run = Run(recorded, calibration)
    past: deque[NDArray[np.float64]] = deque(maxlen=POINTS)
    stretches, calm = np.zeros(0, np.int64), np.zeros(0, np.int64)
    detections = []
    for step, judgement in run.judgements():
        if step.number == 0:
            past.clear()
            stretches, calm = step.stretches, np.full(len(step.stretches), CALM_TICKS)
        kept = np.isin(stretches, step.stretches)
        if not kept.all():
            stretches, calm = step.stretches, calm[kept]
            past = deque((values[kept] for values in past), POINTS)
        engagement = score(step.signals, ScoreSettings())
        scores = _scores(judgement, calibration, forest_share)
        kinds = kinds_by_definition(past, engagement, np.asarray(step.signals.user_leave_rate))
        past.append(engagement)
        unusual = (scores >= WARNING) & ~step.muted & (step.number >= YOUNGEST_TICKS)
        for row in np.flatnonzero(unusual & (calm >= CALM_TICKS)).tolist():
            tick = int(run.sessions.first_ticks[stretches[row]]) + step.number
            level = Level.CRITICAL if scores[row] >= CRITICAL else Level.WARNING
            name = run.sessions.session_ids[stretches[row]]
            kind = Kind(kinds[row] or Kind.SUDDEN_DROP)
            detections.append(bare_detection(name, tick, kind, level))
        calm = np.where(unusual, 0, calm + 1)
    return detections


def _scores(
    judgement: Judgement, calibration: Calibration, forest_share: float
) -> NDArray[np.float32]:
    parts = np.array([judgement.forest, judgement.deviation])
    forest, deviation = surprises(calibration.of_parts, parts, judgement.sizes)
    return anomaly_score(forest_share * forest + (1 - forest_share) * deviation)
