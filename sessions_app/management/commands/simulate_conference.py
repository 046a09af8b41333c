"""``manage.py simulate_conference``: a conference that is always on, for the demo."""

import argparse
import logging
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError, close_old_connections

from sessions_app.management.arguments import number_above_zero, whole_number
from sessions_app.management.stop_signal import StopSignal
from sessions_app.recordings.event_recording import RecordedEvent, check_session_id, due_batches
from sessions_app.recordings.posting import Poster, Transport
from sessions_app.redis_access.client import REDIS_ERRORS, cluster_client, connect
from sessions_app.simulation import demo
from sessions_app.simulation.live.cast import CHARACTERS
from sessions_app.simulation.live.conference import Conference, SessionPlan

logger = logging.getLogger(__name__)

NAMING_SECONDS = 5.0
STANDSTILL_SECONDS = 1.0


class Command(BaseCommand):
    help = "Posts the events of a simulated conference to Redis, in real time, until stopped."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--event", type=_event_id, default=demo.DEMO_EVENT_ID)
        parser.add_argument("--seed", type=whole_number(0), default=1)
        parser.add_argument(
            "--speed", type=number_above_zero, default=1.0, help="Speed factor. Default: 1."
        )
        parser.add_argument(
            "--duration", type=number_above_zero, help="How many seconds of the conference to play."
        )

    def handle(self, *args: Any, event: str, **options: Any) -> None:
        stop = StopSignal()
        stop.install()
        broadcast = Broadcast(event, options["seed"], stop)
        try:
            broadcast.run(options["speed"], options["duration"])
        except REDIS_ERRORS as error:
            raise CommandError(f"Redis: {error}") from error
        self.stdout.write(f"{broadcast.poster.posted} events posted.")


class Broadcast:
    """A conference on its way to Redis."""

    def __init__(self, event_id: str, seed: int, stop: StopSignal) -> None:
        self.event_id = event_id
        self.seed = seed
        self.stop = stop
        self.poster = Poster(
            cluster_client(connect()), Transport.STREAM, stop.wait, self._report_outage
        )
        self._outage_s = 0.0
        self._unnamed: list[SessionPlan] = []
        self._naming_due = 0.0

    def run(self, speed: float, duration_s: float | None) -> None:
        """Plays the conference; it stands still while Redis is away."""
        batches = due_batches(self._events(duration_s), speed, self._clock, self.stop.wait)
        for batch in batches:
            self._name_sessions()
            start = time.monotonic()
            posted = self.poster.post(batch)
            self._skip_outage(time.monotonic() - start)
            if not posted or self.stop.number:
                return

    def _events(self, duration_s: float | None) -> Iterator[RecordedEvent]:
        epoch_ms = time.time_ns() // 1_000_000
        conference = Conference(
            CHARACTERS,
            self.event_id,
            self.seed,
            namespace=f"{epoch_ms:x}",
            epoch_ms=epoch_ms,
            first_runs=self._next_runs(),
            opened=self._unnamed.append,
        )
        for event in conference.events(duration_s):
            payload = msgspec.json.encode(event.payload)
            yield RecordedEvent(event.offset_s, event.channel, payload)

    def _next_runs(self) -> dict[str, int]:
        restarted = {character.key for character in CHARACTERS if not character.repeats}
        try:
            return demo.next_runs(self.event_id, [each.key for each in CHARACTERS], restarted)
        except DatabaseError as error:
            logger.warning("Numbering sessions from 1 without the database: %s", error)
            return {}

    def _name_sessions(self) -> None:
        """Gives sessions their titles before their first event, or as soon as the database can."""
        if not self._unnamed or time.monotonic() < self._naming_due:
            return
        try:
            close_old_connections()
            event = demo.ensure_event(self.event_id)
            while self._unnamed:
                session = self._unnamed[0]
                demo.ensure_session(event, session.session_id, session.title, datetime.now(UTC))
                self._unnamed.pop(0)
        except DatabaseError as error:
            self._naming_due = time.monotonic() + NAMING_SECONDS
            logger.warning("Sessions have no titles yet: %s", error)

    def _clock(self) -> float:
        return time.monotonic() - self._outage_s

    def _skip_outage(self, seconds: float) -> None:
        if seconds > STANDSTILL_SECONDS:
            self._outage_s += seconds

    def _report_outage(self, error: Exception, delay: float) -> None:
        logger.warning("Redis: %s. Retrying in %.1f s.", error, delay)


def _event_id(text: str) -> str:
    try:
        return check_session_id(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a valid event ID") from None
