"""The page of one session, its history and its report."""

from typing import Any
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.gzip import gzip_page
from django.views.decorators.http import require_POST, require_safe

from anomalies_app.models import Anomaly
from anomalies_app.review import acknowledge_anomaly
from dashboard.formatting.presentation import (
    BANNER_LINGER_MS,
    CONTRIBUTION_ROWS,
    RANGES,
    SIGNAL_CARDS,
    Row,
)
from dashboard.pages.payloads import session_snapshot, stored_anomaly_payload
from dashboard.pages.report import session_report
from dashboard.pages.session_history import session_history
from dashboard.pages.timeline_svg import timeline_picture
from dashboard.pages.without_scores import with_or_without_scores
from sessions_app.models import Session
from sessions_app.storage.locked_scores import reading_scores


@gzip_page
@require_safe
@never_cache
def show_session(request: HttpRequest, pk: int) -> HttpResponse:
    """One session and its last five minutes; 404 if it is not visible to the user."""
    session = visible_session(request, pk)
    current, are_locked = with_or_without_scores(lambda scores: session_snapshot(session, scores))
    point = current["points"][-1] if current["points"] else None
    contributions = point["contributions"] if point else []
    parts = {part["signal"]: part for part in contributions}
    return render(
        request,
        "dashboard/session.html",
        {
            "session": session,
            "snapshot": current,
            "scores_are_locked": are_locked,
            "point": point,
            "contributions": [(row, parts.get(row.name)) for row in CONTRIBUTION_ROWS],
            "signals": _signals(point["signals"] if point else {}),
            "ranges": RANGES,
            "range": next(iter(RANGES.values())),
            "banners": _banners(current),
        },
    )


@gzip_page
@require_safe
@never_cache
def show_history(request: HttpRequest, pk: int) -> HttpResponse:
    """A range of a session for its chart, as JSON; 400 for an unknown range."""
    session = visible_session(request, pk)
    name = request.GET.get("range", "")
    if name not in RANGES:
        return JsonResponse({"error": f"range must be one of {', '.join(RANGES)}"}, status=400)
    with reading_scores():
        return JsonResponse(session_history(session.pk, name))


@require_POST
def acknowledge(request: HttpRequest, anomaly_id: UUID) -> HttpResponse:
    """Acknowledges an anomaly as the user and notifies all open pages.

    Scripts get the anomaly as JSON, forms a redirect to the session's page; 404 if the anomaly is
    not visible to the user.
    """
    try:
        anomaly = acknowledge_anomaly(anomaly_id, request.user)
    except Anomaly.DoesNotExist:
        raise Http404 from None
    if request.accepts("text/html"):
        return redirect("session", pk=anomaly.session_id)
    return JsonResponse(stored_anomaly_payload(anomaly))


def visible_session(request: HttpRequest, pk: int) -> Session:
    """The session with its event; 404 if it is not visible to the user, as if it did not exist."""
    visible = Session.objects.visible_to(request.user).select_related("event")
    return get_object_or_404(visible, pk=pk)


def _signals(values: dict[str, float]) -> list[tuple[Row, float | None, float | None]]:
    """The card of each signal, its value, and the value shown beside it."""
    return [(row, values.get(row.name), values.get(row.beside)) for row in SIGNAL_CARDS]


def _banners(current: dict[str, Any]) -> list[dict[str, Any]]:
    """The open anomalies with the current score; if there are none, those that just ended."""
    anomalies, now = current["anomalies"], current["now"]
    score = {"current": current["points"][-1]["percent"] / 100} if current["points"] else {}
    open_anomalies = [
        {**anomaly, **score, "latest": anomaly["began"]}
        for anomaly in anomalies
        if anomaly["ended"] is None
    ]
    return open_anomalies or [
        {**anomaly, "latest": anomaly["ended"]}
        for anomaly in anomalies
        if now - anomaly["ended"] < BANNER_LINGER_MS
    ]


@gzip_page
@require_safe
@never_cache
def show_report(request: HttpRequest, pk: int) -> HttpResponse:
    """The report of a session, for reading and printing; 404 if it is not visible to the user."""
    session = visible_session(request, pk)
    # The whole report is based on scores.
    with reading_scores():
        report = session_report(session)
    picture = timeline_picture(report["timeline"])
    context = {"session": session, "report": report, "picture": picture}
    return render(request, "dashboard/report.html", context)
