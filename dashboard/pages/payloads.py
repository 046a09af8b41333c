"""What a page and its socket are told: one shape for first paint and live update."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from django.utils import timezone
from msgspec import to_builtins

from anomalies_app.models import Anomaly
from anomalies_app.records import AnomalyRecord
from sessions_app.models import EngagementMetric, Event, Pause, PollMoment, Session
from sessions_app.scoring.points import SessionPoint
from sessions_app.scoring.score import ScoreSettings, Signals, explain
from sessions_app.storage.locked_scores import reading_scores
from sessions_app.storage.recent_scores import RecentScores

CHART_POINTS = 60
# A line on every chart: who is below it wants to look.
ATTENTION_LINE = 0.3
SHOWN_ANOMALIES = 20
# Two of each poll.
SHOWN_POLL_MOMENTS = 100


class EndedSession(NamedTuple):
    """A session that is over since ``time``; the numbers are database keys."""

    session_id: int
    event_id: int
    time: datetime


def point_payload(point: SessionPoint) -> dict[str, Any]:
    """A point of the scorer, for the browser. Times are milliseconds since 1970."""
    return _payload(
        point.time,
        point.score,
        point.category,
        {name: getattr(point.signals, name) for name in Signals._fields},
    )


def metric_payload(metric: EngagementMetric) -> dict[str, Any]:
    """The same of a stored row."""
    return _payload(metric.time, metric.score, metric.category, metric.signals._asdict())


def _payload(
    time: datetime, score: float, category: str, signals: dict[str, Any]
) -> dict[str, Any]:
    return {
        "time": milliseconds(time),
        "score": score,
        "category": category,
        "signals": signals,
    }


def session_snapshot(session: Session, scores: bool = True) -> dict[str, Any]:
    """All that a session page shows; its event is at hand."""
    return session_snapshots([session], scores)[0]


def session_snapshots(sessions: Sequence[Session], scores: bool = True) -> list[dict[str, Any]]:
    """The same of many sessions, in four queries, and one more where anomalies are acknowledged.

    A session's points are the last five minutes, oldest first; its anomalies the last, newest
    first; the first votes and closings of its polls the last, oldest first. The lines are drawn
    across the chart.

    Args:
        scores: whether to read them; without them there are no points.

    Raises:
        ScoresLockedError: they cannot be read now.
    """
    now = timezone.now()
    keys = [session.pk for session in sessions]
    points: dict[int, list[EngagementMetric]] = {key: [] for key in keys}
    if scores:
        with reading_scores():
            points = EngagementMetric.objects.latest_points(keys, CHART_POINTS)
    polls = PollMoment.objects.latest_of_sessions(keys, SHOWN_POLL_MOMENTS)
    anomalies = Anomaly.objects.latest_of_sessions(keys, SHOWN_ANOMALIES)
    pauses = Pause.objects.kinds_by_session(keys, now)
    return [
        {
            "type": "snapshot",
            "session": session.pk,
            "title": session.title,
            "started": milliseconds(session.started_at),
            "ended": milliseconds(session.ended_at),
            "pause": pauses.get(session.pk),
            "now": milliseconds(now),
            "points": _explained(points[session.pk], session.event),
            "lines": chart_lines(session.event),
            "polls": [poll_payload(moment) for moment in polls[session.pk]],
            "anomalies": [
                stored_anomaly_payload(anomaly, session) for anomaly in anomalies[session.pk]
            ],
        }
        for session in sessions
    ]


def _explained(points: list[EngagementMetric], event: Event) -> list[dict[str, Any]]:
    """The points; the newest also says what its score is made of."""
    payloads = [metric_payload(point) for point in points]
    for point, payload in zip(points[-1:], payloads[-1:], strict=True):
        payload["contributions"] = contribution_payloads(point.signals, event.score_settings)
    return payloads


def chart_lines(event: Event) -> dict[str, float | None]:
    """The scores below which to look, and below which engagement is low, unless that is muted."""
    alert = None if event.mute_low_engagement else event.low_engagement_threshold
    return {"attention": ATTENTION_LINE, "alert": alert}


def poll_payload(moment: PollMoment) -> dict[str, Any]:
    """A poll's first vote or its end; the two of them tell the poll by the platform's ID."""
    return {
        "session": moment.session_id,
        "poll": moment.poll_id,
        "kind": moment.kind,
        "time": milliseconds(moment.time),
        "voters": moment.voters,
        "present": moment.present,
    }


def card_payload(
    session: Session,
    recent: RecentScores | None,
    anomaly: Anomaly | None,
    pause: str | None = None,
) -> dict[str, Any]:
    """All that the overview shows of a session, with its open anomaly and the pause it makes.

    ``scores`` is what ``point`` is the last of: whole percents, one per tick, with holes.
    """
    return {
        "session": session.pk,
        "title": session.title,
        "event": session.event_id,
        "event_title": session.event.title,
        "point": None if recent is None else metric_payload(recent.latest),
        "scores": [] if recent is None else recent.percents,
        "anomaly": None if anomaly is None else stored_anomaly_payload(anomaly, session),
        "pause": pause,
    }


def update_payloads(
    points: Iterable[SessionPoint], pauses: Mapping[int, str]
) -> list[dict[str, Any]]:
    """The points of several sessions, each with the keys of its session and event.

    Args:
        pauses: the kind of pause of each session that makes one, by key.
    """
    return [
        {
            "session": point.session_id,
            "event": point.event_id,
            **point_payload(point),
            "pause": pauses.get(point.session_id),
        }
        for point in points
    ]


def anomaly_payload(anomaly: AnomalyRecord) -> dict[str, Any]:
    """An anomaly for the browser.

    The detector does not know whether somebody has acknowledged it: pages keep what they know of
    that.
    """
    return {
        "id": str(anomaly.id),
        "session": anomaly.session_id,
        "event": anomaly.event_id,
        **{_PAGE_NAMES.get(name, name): value for name, value in anomaly.columns().items()},
        "moved": to_builtins(anomaly.moved),
        "acknowledged": None,
        "began": milliseconds(anomaly.began_at),
        "ended": milliseconds(anomaly.ended_at),
    }


_PAGE_NAMES = {"current_engagement": "current", "expected_engagement": "expected"}


def stored_anomaly_payload(anomaly: Anomaly, session: Session | None = None) -> dict[str, Any]:
    """The same of a stored row, with its acknowledgement; see :meth:`Anomaly.record`."""
    payload = anomaly_payload(anomaly.record(session))
    return {**payload, "acknowledged": _acknowledgement(anomaly)}


def _acknowledgement(anomaly: Anomaly) -> dict[str, Any] | None:
    """Who has acknowledged an anomaly and when; of a user who was deleted, only when."""
    if anomaly.acknowledged_at is None:
        return None
    user = anomaly.acknowledged_by
    return {
        "by": user and (user.get_full_name() or user.get_username()),
        "at": milliseconds(anomaly.acknowledged_at),
    }


def milliseconds(time: datetime | None) -> int | None:
    """A time for the browser: milliseconds since 1970."""
    return None if time is None else round(time.timestamp() * 1000)


# Finer than any screen shows it.
DECIMALS = 5


def contribution_payloads(signals: Signals, settings: ScoreSettings) -> list[dict[str, Any]]:
    """The five terms of a score, each as a bar that begins where the one before it ends.

    Returns:
        For each term its ``signal``, the ``raw`` value (per minute, or a ratio), the ``weight``
        (negative for the leave rate), the ``value`` that it adds, and the lower end of its bar as
        ``start``; all but the raw value in units of the score.
    """
    total = 0.0
    payloads = []
    for part in explain(signals, settings):
        value = float(part.value)
        payload = {
            "raw": float(part.raw),
            "weight": float(part.weight),
            "value": value,
            "start": min(total, total + value),
        }
        rounded = {name: round(number, DECIMALS) for name, number in payload.items()}
        payloads.append({"signal": part.signal, **rounded})
        total += value
    return payloads
