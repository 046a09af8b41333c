"""The report of a session from its beginning, final or so far."""

from collections import defaultdict
from typing import Any

from django.utils import timezone

from anomalies_app.models import Anomaly
from dashboard.pages.payloads import (
    chart_lines,
    milliseconds,
    poll_payload,
    stored_anomaly_payload,
)
from dashboard.pages.session_history import session_history
from sessions_app.models import EngagementMetric, Pause, PollMoment, Session
from sessions_app.scoring.score import CATEGORY_FLOORS, category
from sessions_app.state.poll_notices import PollMomentKind
from sessions_app.ticks import TICK_MS

# As much as a reader can take in; the downloads are complete.
SHOWN_ANOMALIES = 200
SHOWN_POLLS = 100
SHOWN_PAUSES = 100


def session_report(session: Session) -> dict[str, Any]:
    """Everything the report of a session shows, in ten queries; its event must be loaded.

    Times are milliseconds since 1970. Lists are oldest first, and limited to the latest items.
    """
    ended = milliseconds(session.ended_at)
    totals = EngagementMetric.objects.totals_of_session(session.pk)
    moments = PollMoment.objects.latest_of_session(session.pk, 2 * SHOWN_POLLS)
    anomalies = _anomalies(session)
    return {
        "started": milliseconds(session.started_at),
        "ended": ended,
        "until": ended or milliseconds(timezone.now()),
        "figures": _summary(totals),
        "levels": _levels(totals),
        "polls": _polls(moments),
        "anomalies": anomalies,
        "pauses": _pauses(session),
        "timeline": _timeline(session, anomalies, moments),
    }


def _summary(totals: dict[str, Any]) -> dict[str, Any] | None:
    if not totals["points"]:
        return None
    shown = ("average", "active_users", "total_users", "chat", "reactions", "votes")
    return {
        **{name: totals[name] for name in shown},
        "category": category(totals["average"]),
        "scored": totals["points"] * TICK_MS,
        **{name: _score_at(totals[name]) for name in ("highest", "lowest")},
        **{name: _count_at(totals[name]) for name in ("most", "fewest")},
    }


def _score_at(metric: EngagementMetric) -> dict[str, Any]:
    return {
        "time": milliseconds(metric.time),
        "score": metric.score,
        "category": metric.category,
    }


def _count_at(metric: EngagementMetric) -> dict[str, Any]:
    return {"time": milliseconds(metric.time), "count": metric.active_users}


def _levels(totals: dict[str, Any]) -> list[dict[str, Any]]:
    """How long the score was in each category, highest first."""
    points = totals["points"]
    return [
        {"category": name, "length": totals[name] * TICK_MS, "share": totals[name] / points}
        for _, name in CATEGORY_FLOORS
        if points
    ]


def _polls(moments: list[PollMoment]) -> list[dict[str, Any]]:
    """Each poll with its latest counts: the final ones once it is closed."""
    polls: dict[str, dict[str, Any]] = defaultdict(lambda: {"began": None, "closed": None})
    for moment in moments:
        polls[moment.poll_id] |= {
            "poll": moment.poll_id,
            "closed" if moment.kind == PollMomentKind.CLOSED else "began": milliseconds(
                moment.time
            ),
            "voters": moment.voters,
            "present": moment.present,
            "share": min(1.0, moment.voters / max(1, moment.present)),
        }
    return [*polls.values()][-SHOWN_POLLS:]


def _anomalies(session: Session) -> list[dict[str, Any]]:
    rows = (
        Anomaly.objects.filter(session=session)
        .select_related("acknowledged_by", "reviewed_by")
        .order_by("-time")[:SHOWN_ANOMALIES]
    )
    return [_anomaly(row, session) for row in reversed(rows)]


def _anomaly(anomaly: Anomaly, session: Session) -> dict[str, Any]:
    """An anomaly with its review."""
    return {
        **stored_anomaly_payload(anomaly, session),
        "verdict": anomaly.get_verdict_display(),
        "note": anomaly.verdict_note,
        "reviewed": milliseconds(anomaly.reviewed_at),
        "reviewed_by": anomaly.reviewed_by.get_username() if anomaly.reviewed_by else "",
    }


def _pauses(session: Session) -> list[dict[str, Any]]:
    pauses = Pause.objects.filter(session=session).order_by("-starts_at")[:SHOWN_PAUSES]
    return [
        {
            "kind": pause.kind,
            "began": milliseconds(pause.starts_at),
            "ended": milliseconds(pause.ends_at or session.ended_at),
            "note": pause.note,
        }
        for pause in reversed(pauses)
    ]


def _timeline(
    session: Session, anomalies: list[dict[str, Any]], moments: list[PollMoment]
) -> dict[str, Any]:
    """The data of the chart."""
    history = session_history(session.pk, "all")
    points = history["points"]
    return {
        "points": points,
        "step": history["step"],
        "start": points[0]["since"] if points else None,
        "end": points[-1]["time"] if points else None,
        "lines": chart_lines(session.event),
        "anomalies": anomalies[::-1],
        "polls": [poll_payload(moment) for moment in moments],
    }
