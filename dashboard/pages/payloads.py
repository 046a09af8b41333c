"""Payloads for pages: the first paint and live updates have the same shape."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

from django.utils import timezone
from msgspec import to_builtins

from anomalies_app.models import Anomaly
from anomalies_app.records import AnomalyRecord
from dashboard.formatting.banner import acknowledged_by, movement
from dashboard.formatting.presentation import ATTENTION_LINE
from dashboard.formatting.rounding import (
    chart_score,
    shown_ratio,
    shown_signals,
    tenths,
    whole,
    whole_percent,
)
from sessions_app.models import EngagementMetric, Event, Pause, PollMoment, Session
from sessions_app.scoring.points import SessionPoint
from sessions_app.scoring.score import ScoreSettings, Signals, explain
from sessions_app.storage.locked_scores import reading_scores
from sessions_app.storage.recent_scores import RecentScores

CHART_POINTS = 60
SHOWN_ANOMALIES = 20
# Two per poll.
SHOWN_POLL_MOMENTS = 100


class EndedSession(NamedTuple):
    """A session that ended at ``time``; the numbers are database keys."""

    session_id: int
    event_id: int
    time: datetime


def point_payload(point: SessionPoint | EngagementMetric) -> dict[str, Any]:
    """A point of the scorer, or a stored row, for the browser; times are milliseconds since 1970.

    Values are rounded to what pages show. ``percent`` is the score as text shows it; ``score`` is
    finer, for charts.
    """
    return {
        "time": milliseconds(point.time),
        "score": chart_score(point.score),
        "percent": whole_percent(point.score),
        "category": point.category,
        "signals": shown_signals(point.signals),
    }


def session_snapshot(session: Session, scores: bool = True) -> dict[str, Any]:
    """Everything a session page shows; the session's event must be loaded."""
    return session_snapshots([session], scores)[0]


def session_snapshots(sessions: Sequence[Session], scores: bool = True) -> list[dict[str, Any]]:
    """The same for many sessions, in four queries, plus one if anomalies are acknowledged.

    Each has the points of the last five minutes, oldest first; its latest anomalies, newest first;
    and the latest first votes and closings of its polls, oldest first. ``lines`` are drawn across
    the chart.

    Args:
        scores: whether to read scores; if not, there are no points.

    Raises:
        ScoresLockedError: the scores are locked.
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
    """The points; the newest includes the contributions to its score."""
    payloads = [point_payload(point) for point in points]
    for point, payload in zip(points[-1:], payloads[-1:], strict=True):
        payload["contributions"] = contribution_payloads(point.signals, event.score_settings)
    return payloads


def chart_lines(event: Event) -> dict[str, float | None]:
    """The scores that need attention and that count as low engagement (None if muted)."""
    alert = None if event.mute_low_engagement else event.low_engagement_threshold
    return {"attention": ATTENTION_LINE, "alert": alert}


def poll_payload(moment: PollMoment) -> dict[str, Any]:
    """A poll's first vote or its closing; both have the platform's ID of the poll."""
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
    """Everything the overview shows of a session, with its open anomaly and current pause.

    ``scores`` ends with the score of ``point``: whole percents, one per tick, with gaps.
    """
    return {
        "session": session.pk,
        "title": session.title,
        "event": session.event_id,
        "event_title": session.event.title,
        "point": None if recent is None else point_payload(recent.latest),
        "scores": [] if recent is None else recent.percents,
        "anomaly": None if anomaly is None else stored_anomaly_payload(anomaly, session),
        "pause": pause,
    }


def update_payloads(
    points: Iterable[SessionPoint], pauses: Mapping[int, str]
) -> list[dict[str, Any]]:
    """The points of several sessions, each with the keys of its session and event.

    Args:
        pauses: kind of the current pause, by session key.
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
    """An anomaly from the detector, for the browser.

    The detector does not know about acknowledgements; pages keep the one they have.
    """
    columns = anomaly.columns()
    current, expected = columns.pop("current_engagement"), columns.pop("expected_engagement")
    return {
        "id": str(anomaly.id),
        "session": anomaly.session_id,
        "event": anomaly.event_id,
        **columns,
        "current": shown_ratio(current),
        "expected": shown_ratio(expected),
        "moved": to_builtins(anomaly.moved),
        "movement": "" if anomaly.moved is None else movement(anomaly.moved),
        "acknowledged": None,
        "began": milliseconds(anomaly.began_at),
        "ended": milliseconds(anomaly.ended_at),
    }


def stored_anomaly_payload(anomaly: Anomaly, session: Session | None = None) -> dict[str, Any]:
    """The same for a stored row, with its acknowledgement; see :meth:`Anomaly.record`."""
    payload = anomaly_payload(anomaly.record(session))
    return {**payload, "acknowledged": _acknowledgement(anomaly)}


def _acknowledgement(anomaly: Anomaly) -> dict[str, Any] | None:
    """Who acknowledged an anomaly, and when; only when if the user was deleted."""
    if anomaly.acknowledged_at is None:
        return None
    user = anomaly.acknowledged_by
    name = user and (user.get_full_name() or user.get_username())
    return {
        "by": name,
        "text": acknowledged_by(name),
        "at": milliseconds(anomaly.acknowledged_at),
    }


# All points of a tick have the same time.
@lru_cache(maxsize=64)
def milliseconds(time: datetime | None) -> int | None:
    """A time for the browser: milliseconds since 1970."""
    return None if time is None else round(time.timestamp() * 1000)


# Finer than any screen shows.
DECIMALS = 5
PER_MINUTE = frozenset({"chat_msgs_per_min", "reactions_per_min"})


def contribution_payloads(signals: Signals, settings: ScoreSettings) -> list[dict[str, Any]]:
    """The five terms of a score, each as a bar that begins where the previous one ends.

    Returns:
        For each term its ``signal``, the ``raw`` value as shown (per minute, or a ratio), the
        ``weight`` (negative for the leave rate), the ``value`` it adds, and the lower end of its
        bar as ``start``, in units of the score; and for text ``points`` and ``most``, what it adds
        and can add at most, on a scale of 100, with one decimal and none.
    """
    total = 0.0
    payloads = []
    for part in explain(signals, settings):
        value, weight, raw = float(part.value), float(part.weight), float(part.raw)
        payloads.append(
            {
                "signal": part.signal,
                "raw": whole(raw) if part.signal in PER_MINUTE else shown_ratio(raw),
                "weight": round(weight, DECIMALS),
                "value": round(value, DECIMALS),
                "start": round(min(total, total + value), DECIMALS),
                "points": tenths(value * 100),
                "most": whole_percent(abs(weight)),
            }
        )
        total += value
    return payloads
