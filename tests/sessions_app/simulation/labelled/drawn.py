"""What is in labelled sessions that were drawn."""

from sessions_app.scoring.score import Signals
from sessions_app.simulation.labelled.labels import Anomaly
from sessions_app.simulation.labelled.sessions import LabelledSession

COUNT = 90


def anomalies_of(sessions: list[LabelledSession], kind: str) -> list[tuple[Anomaly, Signals]]:
    return [
        (anomaly, session.signals)
        for session in sessions
        for anomaly in session.labels.anomalies
        if anomaly.type == kind
    ]
