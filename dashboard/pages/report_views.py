"""The page of a session's report."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from dashboard.pages.report import session_report
from dashboard.pages.session_views import visible_session
from dashboard.pages.timeline_svg import timeline_picture
from sessions_app.storage.locked_scores import reading_scores


@require_safe
@never_cache
def show_report(request: HttpRequest, pk: int) -> HttpResponse:
    """What a session was like, for reading and printing; 404 where it is not the user's."""
    session = visible_session(request, pk)
    # All of it is made of them.
    with reading_scores():
        report = session_report(session)
    picture = timeline_picture(report["timeline"])
    context = {"session": session, "report": report, "picture": picture}
    return render(request, "dashboard/report.html", context)
