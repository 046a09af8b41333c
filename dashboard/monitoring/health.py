"""Whether this process lives, and how every part of the product is."""

from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from dashboard.monitoring.access import has_monitoring_token, may_look_inside
from dashboard.monitoring.health_parts import PROBES, judge, overall_status
from dashboard.monitoring.probe import ask_all


@login_not_required
@require_safe
@never_cache
def show_liveness(request: HttpRequest) -> HttpResponse:
    """Says that this process answers, whatever else is down."""
    return HttpResponse("ok", content_type="text/plain")


@login_not_required
@require_safe
@never_cache
def show_health(request: HttpRequest) -> JsonResponse:
    """Status of the product, and of all its parts for admins and monitoring; 503 when it is down.

    It is ``degraded`` while pages work but show nothing new.
    """
    parts = judge(ask_all(PROBES))
    status = overall_status(parts)
    report: dict[str, Any] = {"status": status}
    # Asking who it is needs the database.
    may_ask = parts["database"]["ok"] or has_monitoring_token(request)
    if may_ask and may_look_inside(request):
        report["parts"] = parts
    return JsonResponse(report, status=503 if status == "down" else 200)
