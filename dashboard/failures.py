"""The page of a request that failed; made without the database, which may be why it failed."""

import sys

import redis
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string

RETRY_SECONDS = 5
OUTAGES = (redis.RedisError, OperationalError, InterfaceError)


def show_failure(request: HttpRequest) -> HttpResponse:
    """Status 503 where a server is away, which passes; 500 for everything else."""
    if isinstance(sys.exception(), OUTAGES):
        headers = {"Retry-After": str(RETRY_SECONDS)}
        if request.method in ("GET", "HEAD"):
            # The browser tries again by itself, without a script.
            headers["Refresh"] = str(RETRY_SECONDS)
        return HttpResponse(render_to_string("503.html"), status=503, headers=headers)
    return HttpResponse(render_to_string("500.html"), status=500)
