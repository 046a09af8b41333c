"""Overview and finished sessions: complete as sent; live updates follow over the WebSocket."""

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.templatetags.static import static
from django.views.decorators.cache import never_cache
from django.views.decorators.gzip import gzip_page
from django.views.decorators.http import require_safe

from dashboard.formatting.presentation import WORDS, live_sessions
from dashboard.http.errors import RETRY_SECONDS
from dashboard.pages.cards import in_order, matches, render_card
from dashboard.pages.filters import choices, read_filter
from dashboard.pages.finished import events_with_finished_sessions, finished_page
from dashboard.pages.overview import snapshot
from dashboard.pages.without_scores import with_or_without_scores
from sessions_app.models import Session


@login_not_required
@require_safe
def show_icon(request: HttpRequest) -> HttpResponse:
    """The icon at the default URL, for pages that declare none, such as the admin's."""
    return redirect(static("img/mark.svg"))


@gzip_page
@require_safe
@never_cache
def show_overview(request: HttpRequest) -> HttpResponse:
    """The user's live sessions; those that the filter excludes are rendered hidden."""
    sessions = Session.objects.visible_to(request.user)
    current, are_locked = with_or_without_scores(lambda scores: snapshot(sessions, scores))
    wanted = read_filter(request)
    event = wanted.event.pk if wanted.event else None
    cards = in_order(current["cards"])
    shown = [matches(card, event, wanted.words) for card in cards]
    context = {
        "cards": [
            render_card(card, wanted=is_shown) for card, is_shown in zip(cards, shown, strict=True)
        ],
        "shown": sum(shown),
        "summary": live_sessions(len(cards), sum(card["anomaly"] is not None for card in cards)),
        "filtered": WORDS["shown"].format(shown=sum(shown), count=len(cards)),
        "snapshot": current,
        "scores_are_locked": are_locked,
        "filter": wanted,
        "events": choices(((card["event"], card["event_title"]) for card in cards), wanted.event),
    }
    return render(request, "dashboard/overview.html", context)


@gzip_page
@require_safe
@never_cache
def show_finished(request: HttpRequest) -> HttpResponse:
    """The user's finished sessions, newest first."""
    wanted = read_filter(request)
    number = request.GET.get("page")
    page, are_locked = with_or_without_scores(
        lambda scores: finished_page(request.user, wanted, number, scores)
    )
    context = {
        "page": page,
        "scores_are_locked": are_locked,
        "filter": wanted,
        "events": choices(events_with_finished_sessions(request.user), wanted.event),
    }
    response = render(request, "dashboard/finished.html", context)
    if are_locked:
        # This page has no socket to receive the scores later.
        response.headers["Refresh"] = str(RETRY_SECONDS)
    return response
