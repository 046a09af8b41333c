"""``manage.py replay_events``: posts a recording to Redis as the platform did."""

import argparse
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

from django.core.management.base import BaseCommand, CommandError, CommandParser
from tqdm import tqdm

from sessions_app.management.arguments import number_from_zero, progress_bar
from sessions_app.management.stop_signal import StopSignal
from sessions_app.recordings.event_recording import (
    RecordedEvent,
    RecordingError,
    RecordingSummary,
    check_session_id,
    due_batches,
    read_recording,
    replace_session,
    summarise,
)
from sessions_app.recordings.posting import Poster, Transport
from sessions_app.redis_access.client import REDIS_ERRORS, cluster_client, connect

SECONDS_BETWEEN_LINES = 5.0


class Command(BaseCommand):
    help = "Posts a recorded file of platform events (JSON lines, or .gz) to Redis."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument(
            "--speed",
            type=number_from_zero,
            default=1.0,
            help="Divides the waiting times; 0 posts without waiting. Default: 1.",
        )
        parser.add_argument(
            "--transport",
            choices=[transport.value for transport in Transport],
            default=Transport.STREAM.value,
            help="How to post. Default: stream.",
        )
        parser.add_argument(
            "--session",
            type=_session_id,
            help="Post everything as events of the session with this ID.",
        )

    def handle(self, *args: Any, file: Path, **options: Any) -> None:
        stop = StopSignal()
        stop.install()
        try:
            summary = summarise(file)
            self._warn_of_order(file, summary)
            replay = Replay(file, summary, options["session"], options["transport"], stop)
            report = replay.run(options["speed"])
        except RecordingError as error:
            raise CommandError(str(error)) from error
        except REDIS_ERRORS as error:
            raise CommandError(f"Redis: {error}") from error
        self._warn_of_missing_listeners(replay.poster)
        self.stdout.write(report)
        if stop.number:
            sys.exit(stop.exit_code)

    def _warn_of_order(self, file: Path, summary: RecordingSummary) -> None:
        if summary.misplaced:
            self.stderr.write(
                f"{file}: {summary.misplaced} of {summary.events} events are earlier than the line "
                "before them; they are posted in file order."
            )

    def _warn_of_missing_listeners(self, poster: Poster) -> None:
        for channel, count in sorted(poster.unreceived.items()):
            self.stderr.write(f"{count} events on {channel} had no subscriber.")


class Replay:
    """One replay of a checked recording."""

    def __init__(
        self,
        path: Path,
        summary: RecordingSummary,
        session_id: str | None,
        transport: str,
        stop: StopSignal,
    ) -> None:
        self.path = path
        self.summary = summary
        self.session_id = session_id
        self.stop = stop
        self.progress = Progress(summary.events, sys.stderr)
        self.client = cluster_client(connect())
        self.poster = Poster(self.client, Transport(transport), stop.wait, self._report_outage)

    def run(self, speed: float) -> str:
        """Posts everything, or until stopped; returns the final report."""
        self.client.ping()
        start = time.monotonic()
        batches = due_batches(self._events(), speed, time.monotonic, self.stop.wait)
        with self.progress:
            for batch in batches:
                self._post(batch)
                if self.stop.number:
                    break
        return self._report(time.monotonic() - start)

    def _post(self, batch: list[RecordedEvent]) -> None:
        known = set(self.poster.unreceived)
        self.poster.post(batch)
        self.progress.show(self.poster.posted)
        for channel in sorted(self.poster.unreceived.keys() - known):
            self.progress.say(f"{channel} has no subscriber.")

    def _events(self) -> Iterator[RecordedEvent]:
        for event in read_recording(self.path):
            if self.session_id is None:
                yield event
            else:
                payload = replace_session(event.payload, self.session_id)
                yield event._replace(payload=payload)

    def _report(self, seconds: float) -> str:
        posted = self.poster.posted
        of_total = "" if posted == self.summary.events else f" of {self.summary.events}"
        rate = posted / max(seconds, 1e-6)
        return f"{posted}{of_total} events, {seconds:.2f} s, {rate:.1f} events/s"

    def _report_outage(self, error: Exception, delay: float) -> None:
        self.progress.say(f"Redis: {error}. Retrying in {delay:.1f} s.")


class Progress:
    """A progress bar on a terminal; elsewhere, a line every few seconds."""

    def __init__(self, total: int, stream: TextIO) -> None:
        self._total = total
        self._stream = stream
        self._bar = progress_bar(total, "events", "posting", stream)
        self._next_line = time.monotonic() + SECONDS_BETWEEN_LINES

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *exception: object) -> None:
        self._bar.close()

    def show(self, done: int) -> None:
        """Shows that ``done`` events have been posted."""
        if not self._bar.disable:
            self._bar.update(done - self._bar.n)
        elif time.monotonic() >= self._next_line:
            self._next_line = time.monotonic() + SECONDS_BETWEEN_LINES
            self.say(f"{done} of {self._total} events")

    def say(self, line: str) -> None:
        """Writes a line without breaking the bar."""
        tqdm.write(line, file=self._stream)
        self._stream.flush()


def _session_id(text: str) -> str:
    try:
        return check_session_id(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
