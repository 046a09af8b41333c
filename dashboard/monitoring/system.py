"""The system page for admins: health of all parts, streams, collectors, dead letters."""

from collections import defaultdict
from typing import Any

import redis
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest
from django.template.response import TemplateResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from dashboard.monitoring.health import PROBES, health_parts, overall_status
from dashboard.monitoring.probe import ask_all
from sessions_app.ingest.dead_letters import KeptLetter, kept_letters
from sessions_app.redis_access.client import cluster_client, connect
from sessions_app.telemetry import counters

PERMISSION = "sessions_app.view_system"
LETTERS_PER_PAGE = 25
PART_LABELS = {
    "database": "Database",
    "redis": "Redis",
    "channel_layer": "Channel layer",
    "collectors": "Collectors",
    "backlog": "Backlog",
    "scoring": "Scoring",
    "beat": "Beat",
    "worker": "Worker",
    "subscription": "Pub/Sub",
    "dead_letters": "Dead letters",
    "shards": "Shards",
    "lost_tables": "Lost tables",
    "logs": "Logs",
    "figures": "Redis keys and counters",
}
STATUS_SENTENCES = {
    "ok": "Everything works.",
    "degraded": "Pages work, but may be out of date: a component is failing.",
    "down": "The database or Redis is not responding.",
}


@require_safe
@never_cache
def show_system(request: HttpRequest) -> HttpResponse:
    """The page; 403 without the permission, 400 if ``before`` is not the ID of a dead letter."""
    if not request.user.has_perm(PERMISSION):
        raise PermissionDenied
    parts = health_parts(ask_all(PROBES))
    try:
        letters, reasons, problem = *_dead_letters(request.GET.get("before", "")), ""
    except ValueError as error:
        return HttpResponseBadRequest(f"{error}\n", "text/plain; charset=utf-8")
    except redis.RedisError as error:
        letters, reasons, problem = [], [], f"Redis is not responding: {error}"
    status = overall_status(parts)
    context = {
        **admin.site.each_context(request),
        "title": "System",
        "status": status,
        "sentence": STATUS_SENTENCES[status],
        "parts": [_row(name, part) for name, part in parts.items()],
        "streams": parts.get("backlog", {}).get("streams", []),
        "collectors": parts.get("collectors", {}).get("running", {}),
        "shards": parts.get("shards", {}).get("troubled", []),
        "letters": letters,
        "reasons": reasons,
        "problem": problem,
        "older": letters[-1].id if len(letters) == LETTERS_PER_PAGE else "",
        "is_first": not request.GET.get("before"),
    }
    return TemplateResponse(request, "admin/system.html", context)


def _dead_letters(before: str) -> tuple[list[KeptLetter], list[tuple[str, str, int]]]:
    """A page of dead letters, and total counts by channel and reason, largest first."""
    with connect() as client:
        letters = kept_letters(cluster_client(client), LETTERS_PER_PAGE, before)
        counted = counters.read_counters(client)
    totals: dict[tuple[str, str], int] = defaultdict(int)
    for name, amount in counted.items():
        counter, *labels = name.split(":")
        if counter == counters.DEAD_LETTERS and len(labels) == 2:
            totals[labels[0], labels[1]] += round(amount)
    ordered = sorted(totals.items(), key=lambda item: -item[1])
    return letters, [(channel, reason, count) for (channel, reason), count in ordered]


def _row(name: str, part: dict[str, Any]) -> dict[str, Any]:
    return {"label": PART_LABELS.get(name, name), "ok": part["ok"], "detail": _detail(part)}


def _detail(part: dict[str, Any]) -> str:
    """Details of a part besides whether it works."""
    if part.get("error"):
        return str(part["error"])
    if "version" in part:
        extension = part.get("timescaledb")
        more = f", TimescaleDB {extension['version']} ({extension['licence']})" if extension else ""
        return f"{part['version']}{more}"
    if "unwritten" in part:
        return "; ".join(part["unwritten"])
    if "unreadable" in part:
        return "; ".join(f"{name}: {reason}" for name, reason in part["unreadable"].items())
    if "running" in part:
        return f"{len(part['running'])} running"
    if "streams" in part:
        return f"{sum(stream['backlog'] or 0 for stream in part['streams']):,} unread"
    if "troubled" in part:
        return f"{len(part['troubled'])} of {part['count']} with problems"
    for name, words in (
        ("last_tick_age_seconds", "last tick ended"),
        ("heartbeat_age_seconds", ""),
    ):
        if name in part:
            age = part[name]
            return "never" if age is None else f"{words} {age:.1f} s ago".strip()
    if "queued_messages" in part:
        return f"{part['queued_messages']:,} queued"
    if "kept" in part:
        given_up = part.get("given_up")
        if part["kept"] is None:
            return "unknown"
        return f"{part['kept']:,} kept" + (f", {given_up:,} given up" if given_up else "")
    return ""
