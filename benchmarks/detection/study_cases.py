"""The cases of a set to plot: the first found of each type, and the first missed ones."""

from collections.abc import Iterator

import numpy as np

from anomalies_app.detector import episodes
from anomalies_app.detector.calibration import BUILT_IN, Calibration
from anomalies_app.evaluation.offline import Detection, detect_recorded
from anomalies_app.evaluation.report import GRACE_TICKS
from benchmarks.detection.study_plots import Case
from benchmarks.detection.variants import Labelled
from sessions_app.recordings.signal_recording import RecordedSignals
from sessions_app.scoring.score import ScoreSettings, score
from sessions_app.simulation.labelled.labels import Anomaly, SessionLabels

AROUND_TICKS = 72


def cases(labelled: Labelled) -> Iterator[tuple[str, Case]]:
    """The first found case of each type, and the first missed ones."""
    detections = detect_recorded(labelled.signals, Calibration.read(BUILT_IN))
    wanted = {kind.name.lower(): kind.name for kind in episodes.Kind}
    missed = 0
    for session in labelled.labels:
        for anomaly in session.anomalies:
            raised = [
                detection
                for detection in detections
                if detection.session_id == session.session_id
                and anomaly.start <= detection.tick <= anomaly.end + GRACE_TICKS
            ]
            if raised and raised[-1].type == anomaly.type and anomaly.type.lower() in wanted:
                del wanted[anomaly.type.lower()]
                yield (
                    f"found_{anomaly.type.lower()}",
                    _case(labelled.signals, session, anomaly, raised),
                )
            elif not raised and missed < 2:
                missed += 1
                yield f"missed_{missed}", _case(labelled.signals, session, anomaly, raised)


def _case(
    signals: RecordedSignals, session: SessionLabels, anomaly: Anomaly, raised: list[Detection]
) -> Case:
    first = max(0, anomaly.start - AROUND_TICKS)
    last = min(session.ticks, anomaly.end + AROUND_TICKS, first + 6 * AROUND_TICKS)
    mine = signals.session == signals.session_ids.index(session.session_id)
    rows = np.flatnonzero(mine)[first:last]
    engagement = score(
        type(signals.signals)(*(np.asarray(values)[rows] for values in signals.signals)),
        ScoreSettings(),
    )
    kind = anomaly.type.replace("_", " ").capitalize()
    mode = anomaly.mode.replace("_", " ")
    title = f"{kind} of {anomaly.magnitude:.0%} ({mode}), {session.size:,} people"
    lines = {
        "active users": signals.active_users[rows].tolist(),
        "chat messages per minute": signals.chat_msgs_per_min[rows].tolist(),
        "engagement score": engagement.tolist(),
    }
    return Case(title, first, lines, anomaly, raised)
