"""Whether this process lives, and how every part of the product is."""

from typing import Any

import msgspec
import redis
from django.contrib.auth.decorators import login_not_required
from django.db import Error, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from sessions_app.connection import connect
from sessions_app.pipeline_status import pipeline_status
from sessions_app.queries import sees_everything
from sessions_app.ticks import TICK_SECONDS

# Three ticks: one that runs, one that may be late, and one to be sure.
SCORING_IS_CURRENT_SECONDS = 3 * TICK_SECONDS


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
    """Status of the product, and for admins of all its parts; 503 when a server is down.

    It is ``degraded`` while pages work but show nothing new: no collector runs, or nothing is
    scored.
    """
    parts = {"database": _database(), "redis": _redis()}
    status = _status(**parts)
    report: dict[str, Any] = {"status": status}
    # Asking who it is needs the database.
    if parts["database"]["ok"] and sees_everything(request.user):
        report["parts"] = parts
    return JsonResponse(report, status=503 if status == "down" else 200)


def _status(database: dict[str, Any], redis: dict[str, Any]) -> str:
    if not (database["ok"] and redis["ok"]):
        return "down"
    return "ok" if redis["collecting"] and redis["scoring"] else "degraded"


def _database() -> dict[str, Any]:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT version()")
            version = cursor.fetchone()[0]
        return {"ok": True, "version": version, "timescaledb": connection.has_timescaledb}
    except Error as error:
        return {"ok": False, "error": str(error)}


def _redis() -> dict[str, Any]:
    client = connect(socket_timeout=2, socket_connect_timeout=2)
    try:
        status = pipeline_status(client)
    except (redis.RedisError, OSError) as error:
        return {"ok": False, "error": str(error)}
    finally:
        client.close()
    age = status.scored_tick_age_seconds
    return {
        "ok": True,
        "collecting": bool(status.collectors),
        "scoring": age is not None and age < SCORING_IS_CURRENT_SECONDS,
        **msgspec.to_builtins(status),
    }
