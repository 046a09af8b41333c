"""First paint of the pages: complete without JavaScript, and what their sockets go on from."""

from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.templatetags.static import static
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from dashboard.overview import snapshot
from dashboard.payloads import session_snapshot
from sessions_app.models import Session

LOW_ENGAGEMENT_LINE = 0.3
# As in static/js/alerts.js.
FAREWELL_MS = 60_000


@login_not_required
@require_safe
def show_icon(request: HttpRequest) -> HttpResponse:
    """The icon where browsers look for it when a page, as those of the admin, names none."""
    return redirect(static("img/mark.svg"))


@require_safe
@never_cache
def show_overview(request: HttpRequest) -> HttpResponse:
    """The user's live sessions."""
    current = snapshot(request.user)
    alerts = sum(card["anomaly"] is not None for card in current["cards"])
    context = {"cards": current["cards"], "alerts": alerts, "snapshot": current}
    return render(request, "dashboard/overview.html", context)


@require_safe
@never_cache
def show_session(request: HttpRequest, pk: int) -> HttpResponse:
    """One session and its last five minutes; 404 where it is not the user's."""
    visible = Session.objects.visible_to(request.user).select_related("event")
    session = get_object_or_404(visible, pk=pk)
    current = session_snapshot(session)
    return render(
        request,
        "dashboard/session.html",
        {
            "session": session,
            "snapshot": current,
            "point": current["points"][-1] if current["points"] else None,
            "statistics": _statistics(current["points"]),
            "banners": _banners(current),
            "line": LOW_ENGAGEMENT_LINE,
        },
    )


def _banners(current: dict[str, Any]) -> list[dict[str, Any]]:
    """The anomalies that go on, with the score of now; without any, those that just ended."""
    anomalies, now = current["anomalies"], current["now"]
    score = {"current": current["points"][-1]["score"]} if current["points"] else {}
    going_on = [
        {**anomaly, **score, "latest": anomaly["began"]}
        for anomaly in anomalies
        if anomaly["ended"] is None
    ]
    return going_on or [
        {**anomaly, "latest": anomaly["ended"]}
        for anomaly in anomalies
        if now - anomaly["ended"] < FAREWELL_MS
    ]


def _statistics(points: list[dict[str, Any]]) -> dict[str, Any] | None:
    scores = [point["score"] for point in points]
    if not scores:
        return None
    return {
        "count": len(scores),
        "average": sum(scores) / len(scores),
        "lowest": min(scores),
        "highest": max(scores),
    }
