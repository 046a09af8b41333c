"""``manage.py pipeline_status``: backlog, rates and dead letters at a glance."""

from typing import Any

import msgspec
from django.core.management.base import BaseCommand, CommandError, CommandParser

from sessions_app.redis_access.client import REDIS_ERRORS, connect
from sessions_app.telemetry.pipeline_status import PipelineStatus, pipeline_status


class Command(BaseCommand):
    help = "Shows the backlog of the platform's streams, the collectors and the last scored tick."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="Print one JSON object.")

    def handle(self, *args: Any, json: bool, **options: Any) -> None:
        try:
            status = pipeline_status(connect())
        except REDIS_ERRORS as error:
            raise CommandError(f"Redis is not responding: {error}") from error
        self.stdout.write(msgspec.json.encode(status).decode() if json else _as_text(status))


def _as_text(status: PipelineStatus) -> str:
    age = status.scored_tick_age_seconds
    lines = ["Last tick scored: " + ("none yet" if age is None else f"{age:.1f} s ago")]
    for name, fields in status.collectors.items():
        rate, interruptions = fields.get("events_per_second", 0), fields.get("interruptions", 0)
        lines.append(
            f"Collector {name}: {rate:,.1f} events/s, {interruptions:.0f} broken subscriptions"
        )
    if not status.collectors:
        lines.append("No collector is running: no tick is scored.")
    for stream in status.streams:
        length, backlog = _shown(stream.length), _shown(stream.backlog)
        counts = f"{length} entries, backlog {backlog}, pending {stream.pending:,}"
        lines.append(f"{stream.name}: {counts}")
    totals = ", ".join(f"{name} {count:,}" for name, count in sorted(status.totals.items()))
    kept = _shown(status.dead_letters)
    lines.append(f"Total: {totals or 'nothing yet'}; dead letters stored: {kept}")
    lines += [f"Unreadable: {name}: {why}" for name, why in sorted(status.unreadable.items())]
    return "\n".join(lines)


def _shown(number: int | None) -> str:
    return "unknown" if number is None else f"{number:,}"
