"""Liveness of this process, and health of every part of the product."""

import asyncio
import time
from collections.abc import Mapping
from typing import Any

import msgspec
from channels.layers import get_channel_layer
from django.contrib.auth.decorators import login_not_required
from django.db import DEFAULT_DB_ALIAS, connections
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from dashboard.monitoring.access import has_monitoring_token, may_see_details
from dashboard.monitoring.probe import Answer, Probe, ask_all
from sessions_app.redis_access import keys
from sessions_app.redis_access.client import connect
from sessions_app.telemetry.pipeline_status import pipeline_status
from sessions_app.telemetry.readings import Readings
from sessions_app.telemetry.shard_conditions import SET_ASIDE_IS_NEWS_SECONDS
from sessions_app.telemetry.unwritten_logs import unwritten_logs
from sessions_app.ticks import TICK_SECONDS


@login_not_required
@require_safe
@never_cache
def show_liveness(request: HttpRequest) -> HttpResponse:
    """Answers as long as this process runs, whatever else is down."""
    return HttpResponse("ok", content_type="text/plain")


@login_not_required
@require_safe
@never_cache
def show_health(request: HttpRequest) -> JsonResponse:
    """Overall status, with all parts for admins and monitoring; 503 when the product is down.

    ``degraded`` means that pages work but may show nothing new.
    """
    parts = health_parts(ask_all(PROBES))
    status = overall_status(parts)
    report: dict[str, Any] = {"status": status}
    # Identifying the user needs the database.
    may_ask = parts["database"]["ok"] or has_monitoring_token(request)
    if may_ask and may_see_details(request):
        report["parts"] = parts
    return JsonResponse(report, status=503 if status == "down" else 200)


TIMEOUT_SECONDS = 2
# Three ticks: one running, one possibly late, one for safety.
SCORING_IS_CURRENT_SECONDS = 3 * TICK_SECONDS
# Behind the most advanced shard: one running, one possibly late, one for safety.
LAGGING_TICKS = 3
# About the backlog at which a tick can no longer be scored in time.
HIGH_BACKLOG = 100_000


def ask_database() -> Answer:
    """Versions and licence, over a new connection, which the next page may need as well."""
    connection = connections[DEFAULT_DB_ALIAS].copy()
    connection.settings_dict["OPTIONS"] = {
        **connection.settings_dict["OPTIONS"],
        "connect_timeout": str(TIMEOUT_SECONDS),
        "options": f"-c statement_timeout={TIMEOUT_SECONDS * 1000}",
    }
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT current_setting('server_version')")
            version = cursor.fetchone()[0]
            cursor.execute(
                "SELECT extversion, current_setting('timescaledb.license', true) "
                "FROM pg_extension WHERE extname = 'timescaledb'"
            )
            extension = cursor.fetchone()
    finally:
        connection.close()
    timescaledb = {"version": extension[0], "licence": extension[1]} if extension else None
    return {"version": version, "timescaledb": timescaledb}


def ask_redis() -> Answer:
    """The server's version, and the status of the pipeline stored on it."""
    with connect(socket_timeout=TIMEOUT_SECONDS, socket_connect_timeout=TIMEOUT_SECONDS) as client:
        server = client.info("server")
        readings, pipeline = Readings(), pipeline_status(client)
        unwritten = readings.read(keys.UNWRITTEN_LOGS, lambda: unwritten_logs(client), [])
        return {
            "version": str(server.get("valkey_version") or server["redis_version"]),
            "pipeline": msgspec.to_builtins(pipeline),
            "unwritten_logs": unwritten,
            "unreadable": {**pipeline.unreadable, **readings.problems},
        }


def ask_channel_layer() -> Answer:
    """Sends a message to itself the way the scorer sends to a page."""
    asyncio.run(_echo())
    return {}


async def _echo() -> None:
    layer = get_channel_layer()
    async with asyncio.timeout(TIMEOUT_SECONDS):
        channel = await layer.new_channel()
        await layer.send(channel, {"type": "echo"})
        await layer.receive(channel)


PROBES = {
    "database": Probe(ask_database),
    "redis": Probe(ask_redis),
    "channel_layer": Probe(ask_channel_layer),
}


def health_parts(answers: Mapping[str, Answer]) -> dict[str, Any]:
    """All parts, including those of the pipeline, each with ``ok``."""
    parts = {name: dict(answer) for name, answer in answers.items()}
    pipeline = parts["redis"].pop("pipeline", None)
    unwritten = parts["redis"].pop("unwritten_logs", [])
    unreadable = parts["redis"].pop("unreadable", {})
    if pipeline is None:
        return parts
    more = {
        "logs": {"ok": not unwritten, "unwritten": unwritten},
        "figures": {"ok": not unreadable, "unreadable": unreadable},
    }
    return {**parts, **_pipeline_parts(pipeline), **more}


def overall_status(parts: Mapping[str, Answer]) -> str:
    """``down`` without database or Redis, ``degraded`` when another part is not ok, else ``ok``."""
    if not (parts["database"]["ok"] and parts["redis"]["ok"]):
        return "down"
    return "ok" if all(part["ok"] for part in parts.values()) else "degraded"


def _pipeline_parts(pipeline: dict[str, Any]) -> dict[str, Any]:
    age = pipeline["scored_tick_age_seconds"]
    heartbeats = pipeline["heartbeat_ages_seconds"]
    return {
        "collectors": {"ok": bool(pipeline["collectors"]), "running": pipeline["collectors"]},
        "backlog": {
            "ok": all((stream["backlog"] or 0) < HIGH_BACKLOG for stream in pipeline["streams"]),
            "streams": pipeline["streams"],
        },
        "scoring": {"ok": _is_recent(age), "last_tick_age_seconds": age},
        **{
            process: {"ok": _is_recent(heartbeat), "heartbeat_age_seconds": heartbeat}
            for process, heartbeat in heartbeats.items()
        },
        "shards": shards_part(pipeline["shards"]),
        "lost_tables": {"ok": True, "kept": pipeline["lost_tables"]},
        "subscription": _subscription(pipeline),
        "dead_letters": {
            "ok": True,
            "kept": pipeline["dead_letters"],
            "given_up": pipeline["totals"].get("given_up", 0),
        },
    }


def _subscription(pipeline: dict[str, Any]) -> Answer:
    """The Pub/Sub queue; not ok for a minute after messages were dropped."""
    collectors = pipeline["collectors"].values()
    return {
        "ok": not any(status.get("drops_messages") for status in collectors),
        "queued_messages": int(sum(status.get("queued_messages", 0) for status in collectors)),
        "queued_bytes": int(sum(status.get("queued_bytes", 0) for status in collectors)),
    }


def shards_part(shards: list[dict[str, Any]]) -> Answer:
    """Shards that fail, are slow, lag behind or recently had something quarantined.

    Args:
        shards: :class:`sessions_app.telemetry.shard_conditions.ShardCondition` as dictionaries.
    """
    latest = max((shard["scored_tick"] or 0 for shard in shards), default=0)
    troubled = [trouble for shard in shards if (trouble := _trouble(shard, latest)) is not None]
    reasons = [f"shard {trouble['shard']} {trouble['reason']}" for trouble in troubled]
    return {"ok": not troubled, "count": len(shards), "troubled": troubled, "reasons": reasons}


def _trouble(shard: dict[str, Any], latest: int) -> Answer | None:
    """What is wrong with a shard; None if nothing is."""
    failure, set_aside = shard["failure"], shard["set_aside"]
    lag = latest - shard["scored_tick"] if shard["scored_tick"] is not None else 0
    reasons = []
    if failure is not None:
        times = "once" if failure["count"] == 1 else f"{failure['count']} times"
        reasons.append(f"has failed {times} ({failure['stage']}: {failure['reason']})")
    if shard["is_apart"]:
        reasons.append(f"is slow ({shard['seconds_per_tick']:.1f} s a tick)")
    if lag > LAGGING_TICKS:
        reasons.append(f"is {lag} ticks behind")
    if set_aside is not None and time.time() - set_aside["time"] < SET_ASIDE_IS_NEWS_SECONDS:
        reasons.append(f"had its {set_aside['what']} set aside ({set_aside['reason']})")
    if not reasons:
        return None
    return {**shard, "ticks_behind": lag, "reason": ", ".join(reasons)}


def _is_recent(age: float | None) -> bool:
    return age is not None and age < SCORING_IS_CURRENT_SECONDS
