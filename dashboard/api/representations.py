"""Sessions, scores and anomalies in the API, with the field names of the platform's channels."""

from datetime import datetime
from typing import Any

import msgspec

from anomalies_app.models import Anomaly
from anomalies_app.publication import AnomalyDetected, wire_values
from sessions_app.models import EngagementMetric, Event, Session
from sessions_app.publication import wire_time
from sessions_app.scoring.score import Contribution, explain


class AnomalyRepresentation(AnomalyDetected, kw_only=True, rename="camel"):
    """An anomaly as in ``anomaly:detected``, with its end and an admin's verdict."""

    ended_at: str | None
    verdict: str | None


def represent_event(event: Event) -> dict[str, Any]:
    """An event annotated with ``live_sessions``."""
    return {
        "eventId": event.external_id,
        "title": event.title,
        "liveSessions": event.live_sessions,
        "isStandIn": event.is_stand_in,
    }


def represent_session(
    session: Session,
    metric: EngagementMetric | None,
    anomaly: Anomaly | None,
    pause: str | None,
) -> dict[str, Any]:
    """A session with its last score, its open anomaly and the kind of its current pause."""
    return {
        "sessionId": session.external_id,
        "eventId": session.event.external_id,
        "eventIsStandIn": session.event.is_stand_in,
        "title": session.title,
        "startedAt": wire_time(session.started_at),
        "lastSeenAt": wire_time(session.last_seen_at),
        "endedAt": _optional_time(session.ended_at),
        "pause": pause,
        "current": None if metric is None else represent_metric(metric),
        "anomaly": None if anomaly is None else represent_anomaly(anomaly, session),
    }


def represent_metric(metric: EngagementMetric) -> dict[str, Any]:
    """The score of one tick, as in ``engagement:update``."""
    return {
        "timestamp": wire_time(metric.time),
        "score": metric.score,
        "category": metric.category,
        "signals": metric.signals._asdict(),
    }


def represent_explanation(metric: EngagementMetric, event: Event) -> list[dict[str, Any]]:
    """The five contributions to a score, at the current weights of the event."""
    parts = explain(metric.signals, event.score_settings)
    return [{"signal": part.signal, **_numbers(part)} for part in parts]


def represent_anomaly(anomaly: Anomaly, session: Session) -> dict[str, Any]:
    """An anomaly as in ``anomaly:detected``; it ends with its session at the latest."""
    record = anomaly.record(session)
    represented = AnomalyRepresentation(
        timestamp=wire_time(record.began_at),
        session_id=session.external_id,
        event_id=session.event.external_id,
        ended_at=_optional_time(record.ended_at),
        verdict=anomaly.verdict or None,
        **wire_values(record),
    )
    body: dict[str, Any] = msgspec.to_builtins(represented)
    return body


def _numbers(part: Contribution) -> dict[str, float]:
    values = part._asdict()
    return {name: float(values[name]) for name in ("raw", "normalised", "weight", "value")}


def _optional_time(time: datetime | None) -> str | None:
    return None if time is None else wire_time(time)
