"""The error page of a failed request; rendered without the database, which may be the cause."""

import sys

from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string

from sessions_app.telemetry.outages import is_outage

RETRY_SECONDS = 5


def show_failure(request: HttpRequest) -> HttpResponse:
    """503 if a server is unavailable or refuses, which is temporary; 500 for everything else."""
    if is_outage(sys.exception()):
        headers = {"Retry-After": str(RETRY_SECONDS)}
        if request.method in ("GET", "HEAD"):
            # The browser retries by itself, without a script.
            headers["Refresh"] = str(RETRY_SECONDS)
        return HttpResponse(render_to_string("503.html"), status=503, headers=headers)
    return HttpResponse(render_to_string("500.html"), status=500)
