"""``manage.py collect_events``: the collector process."""

import logging
import os
import socket
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from sessions_app.backoff import Backoff
from sessions_app.ingest.collector import Collector
from sessions_app.management.stop_signal import StopSignal
from sessions_app.redis_access.client import REDIS_ERRORS, connect
from sessions_app.telemetry.log_context import log_context
from sessions_app.telemetry.masking import masked
from sessions_app.telemetry.outages import first_line, is_outage, log_failure

logger = logging.getLogger(__name__)


class Command(BaseCommand):
    help = "Collects the platform's events from Redis for the scorer until stopped."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--name",
            default=f"{socket.gethostname()}-{os.getpid()}",
            help="Name of this collector, unique among running ones. Default: host and process ID.",
        )
        parser.add_argument("--batch-size", type=int, default=settings.COLLECTOR_BATCH_SIZE)

    def handle(self, *args: Any, name: str, batch_size: int, **options: Any) -> None:
        stopping = StopSignal()
        stopping.install()
        retention_ms = int(settings.STREAM_RETENTION.total_seconds() * 1000)
        # RESP2, because the reader processes raw replies.
        collector = Collector(lambda: connect(protocol=2), name, batch_size, retention_ms)
        with log_context(collector=name):
            logger.info("Collector %s is listening on %s.", name, masked(settings.REDIS_URL))
            run(collector, stopping)
            logger.info("Collector %s has stopped.", name)


def run(collector: Collector, stopping: StopSignal) -> None:
    """Runs a collector until stopped, across outages of Redis of any length."""
    backoff = Backoff()
    connected = False
    while not stopping.number:
        try:
            if not connected:
                collector.start()
                connected = True
                backoff.reset()
            collector.step()
        except REDIS_ERRORS as error:
            connected = False
            if is_outage(error):
                reason = first_line(error).rstrip(".")
                logger.warning("Redis: %s. Retrying in %.1f s.", reason, backoff.delay)
            else:
                log_failure(logger, "Redis rejected a command", error)
            stopping.wait(backoff.delay)
            backoff.fail()
    collector.stop()
