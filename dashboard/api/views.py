"""Read endpoints for events and sessions; each handler returns the body of its response."""

from pathlib import Path
from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from anomalies_app.models import Anomaly
from dashboard.api.parameters import (
    next_page,
    read_choice,
    read_cursor,
    read_limit,
    read_time,
)
from dashboard.api.representations import (
    represent_anomaly,
    represent_event,
    represent_explanation,
    represent_metric,
    represent_session,
)
from dashboard.http.problems import not_found
from dashboard.models import ApiToken
from dashboard.pages.overview import OLDEST_SCORE
from sessions_app.models import EngagementMetric, Pause, Session
from sessions_app.storage.locked_scores import reading_scores

SPECIFICATION = Path(__file__).with_name("openapi.yaml")
MAX_ID_LENGTH = 255
TICKS_PER_HOUR = 720


@login_not_required
@require_safe
def show_specification(request: HttpRequest) -> HttpResponse:
    """The OpenAPI description; it reveals nothing about this installation."""
    return HttpResponse(SPECIFICATION.read_bytes(), content_type="application/yaml")


def list_events(request: HttpRequest, token: ApiToken) -> dict[str, Any]:
    """The events visible to the token, in pages."""
    limit = read_limit(request, 100)
    live = Count("sessions", filter=Q(sessions__ended_at__isnull=True))
    events = token.visible_events().filter(pk__gt=read_cursor(request)).order_by("pk")
    page = list(events.annotate(live_sessions=live)[: limit + 1])
    return {
        "events": [represent_event(event) for event in page[:limit]],
        "next": next_page(request, cursor=page[limit - 1].pk) if len(page) > limit else None,
    }


def list_sessions(request: HttpRequest, token: ApiToken) -> dict[str, Any]:
    """The sessions visible to the token, in pages; live ones unless asked otherwise."""
    limit = read_limit(request, 100)
    sessions = token.visible_sessions().filter(pk__gt=read_cursor(request))
    state = read_choice(request, "state", ("live", "ended", "all"))
    if state != "all":
        sessions = sessions.live() if state == "live" else sessions.ended()
    if "event" in request.GET:
        matching = token.visible_events().meant_by(_possible_id(request.GET["event"]))
        sessions = sessions.filter(event__in=matching)
    page = list(sessions.select_related("event").order_by("pk")[: limit + 1])
    return {
        "sessions": _represent_sessions(page[:limit]),
        "next": next_page(request, cursor=page[limit - 1].pk) if len(page) > limit else None,
    }


def show_session(request: HttpRequest, token: ApiToken, external_id: str) -> dict[str, Any]:
    """One session, with the explanation of its score."""
    return describe_session(find_session(token, external_id))


def show_history(request: HttpRequest, token: ApiToken, external_id: str) -> dict[str, Any]:
    """A session's scores, oldest first: those since ``from``, or the latest without it."""
    session = find_session(token, external_id)
    with reading_scores():
        return _history_page(request, session)


def _history_page(request: HttpRequest, session: Session) -> dict[str, Any]:
    limit = read_limit(request, TICKS_PER_HOUR)
    start, end = read_time(request, "from"), read_time(request, "to")
    metrics = EngagementMetric.objects.filter(session_id=session.pk)
    if end is not None:
        metrics = metrics.filter(time__lt=end)
    following = None
    if start is None:
        page = list(metrics.order_by("-time")[:limit])[::-1]
    else:
        found = list(metrics.filter(time__gte=start).order_by("time")[: limit + 1])
        page = found[:limit]
        if len(found) > limit:
            following = next_page(request, **{"from": _iso(found[limit].time)})
    return {
        "sessionId": session.external_id,
        "points": [represent_metric(metric) for metric in page],
        "next": following,
    }


def list_anomalies(request: HttpRequest, token: ApiToken, external_id: str) -> dict[str, Any]:
    """A session's anomalies, newest first."""
    session = find_session(token, external_id)
    limit = read_limit(request, 100)
    start, end = read_time(request, "from"), read_time(request, "to")
    anomalies = Anomaly.objects.filter(session_id=session.pk).order_by("-time")
    if start is not None:
        anomalies = anomalies.filter(time__gte=start)
    if end is not None:
        anomalies = anomalies.filter(time__lt=end)
    found = list(anomalies[: limit + 1])
    page = found[:limit]
    return {
        "sessionId": session.external_id,
        "anomalies": [represent_anomaly(anomaly, session) for anomaly in page],
        "next": next_page(request, to=_iso(page[-1].time)) if len(found) > limit else None,
    }


def find_session(token: ApiToken, external_id: str, for_update: bool = False) -> Session:
    """The session with the platform's ID, if it is visible to the token.

    Args:
        for_update: whether to lock its row until the transaction ends; visibility is checked as of
            the moment the lock is held.

    Raises:
        ProblemError: the session does not exist or is not visible.
    """
    sessions = token.visible_sessions().select_related("event")
    if for_update:
        sessions = sessions.select_for_update(of=("self",))
    session: Session | None = sessions.filter(external_id=_possible_id(external_id)).first()
    if session is None:
        raise not_found()
    return session


def describe_session(session: Session, scores: bool = True) -> dict[str, Any]:
    """A session's current state, with the explanation of its last score.

    Args:
        scores: whether to read the score; if not, the session looks like one without a score.

    Raises:
        ScoresLockedError: the scores are locked.
    """
    metric = _last_metric(session) if scores else None
    anomalies = Anomaly.objects.latest_open_by_session([session.pk])
    pauses = Pause.objects.kinds_by_session([session.pk], timezone.now())
    body = represent_session(session, metric, anomalies.get(session.pk), pauses.get(session.pk))
    explanation = [] if metric is None else represent_explanation(metric, session.event)
    return {**body, "explanation": explanation}


def _last_metric(session: Session) -> EngagementMetric | None:
    with reading_scores():
        metrics = EngagementMetric.objects.latest_points([session.pk], 1)[session.pk]
    return metrics[0] if metrics else None


def _represent_sessions(sessions: list[Session]) -> list[dict[str, Any]]:
    """Several sessions, with one query per kind of data."""
    now = timezone.now()
    keys = [session.pk for session in sessions]
    with reading_scores():
        latest = EngagementMetric.objects.latest_of_each(keys, now - OLDEST_SCORE)
    metrics = {metric.session_id: metric for metric in latest}
    anomalies = Anomaly.objects.latest_open_by_session(keys)
    pauses = Pause.objects.kinds_by_session(keys, now)
    return [
        represent_session(
            session, metrics.get(session.pk), anomalies.get(session.pk), pauses.get(session.pk)
        )
        for session in sessions
    ]


def _possible_id(external_id: str) -> str:
    """The ID, if it can exist at all: the database rejects queries for others."""
    if len(external_id) > MAX_ID_LENGTH or "\0" in external_id:
        raise not_found()
    return external_id


def _iso(time: Any) -> str:
    text: str = time.isoformat()
    return text.replace("+00:00", "Z")
