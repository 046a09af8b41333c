"""The finished sessions visible to a user, in pages."""

from datetime import timedelta
from typing import Any

from django.core.paginator import Page, Paginator
from django.db.models import Q

from anomalies_app.models import Anomaly
from dashboard.pages.filters import Filter
from sessions_app.models import EngagementMetric, Event, Session
from sessions_app.scoring.score import category
from sessions_app.storage.locked_scores import reading_scores

PER_PAGE = 25
# The last tick ends after its session, and the first row may be as old as the oldest backlog.
MARGIN = timedelta(minutes=15)


def finished_page(user: Any, wanted: Filter, number: Any, scores: bool = True) -> Page:
    """A page of finished sessions, newest first, each with a summary; four queries.

    Its items are dicts: ``session``, its length in ``milliseconds``, the ``average`` score with its
    ``category``, the ``peak`` of active users (None without a score), the number of ``anomalies``.
    A page number out of range returns the nearest page.

    Args:
        scores: whether to read scores; if not, sessions look like those without one.

    Raises:
        ScoresLockedError: the scores are locked.
    """
    sessions = Session.objects.visible_to(user).ended().select_related("event")
    if wanted.event is not None:
        sessions = sessions.filter(event=wanted.event)
    for word in wanted.words.split():
        sessions = sessions.filter(Q(title__icontains=word) | Q(event__title__icontains=word))
    page = Paginator(sessions.order_by("-ended_at", "-pk"), PER_PAGE).get_page(number)
    page.object_list = _with_summaries(list(page.object_list), scores)
    return page


def events_with_finished_sessions(user: Any) -> Any:
    """Keys and titles of the user's events that have a finished session."""
    events = Event.objects.visible_to(user).filter(sessions__ended_at__isnull=False)
    return events.values_list("pk", "title").distinct()


def _with_summaries(sessions: list[Session], scores: bool) -> list[dict[str, Any]]:
    if not sessions:
        return []
    keys = [session.pk for session in sessions]
    start = min(session.started_at for session in sessions) - MARGIN
    end = max(session.ended_at for session in sessions) + MARGIN
    summaries: dict[int, Any] = {}
    if scores:
        with reading_scores():
            summaries = EngagementMetric.objects.summaries(keys, start, end)
    anomalies = Anomaly.objects.counts_by_session(keys)
    return [
        _row(session, summaries.get(session.pk), anomalies.get(session.pk, 0))
        for session in sessions
    ]


def _row(session: Session, summary: dict[str, Any] | None, anomalies: int) -> dict[str, Any]:
    average, peak = (summary["average"], summary["peak"]) if summary else (None, None)
    return {
        "session": session,
        "milliseconds": (session.ended_at - session.started_at) / timedelta(milliseconds=1),
        "average": average,
        "category": "" if average is None else category(average),
        "peak": peak,
        "anomalies": anomalies,
    }
