"""First paint of the pages: complete without JavaScript, and what their sockets go on from."""

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.templatetags.static import static
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from dashboard.overview import snapshot


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
