"""``manage.py simulate_sessions``: recorded signals of sessions with known anomalies."""

import time
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from sessions_app.management.arguments import progress_bar, whole_number
from sessions_app.recordings.signal_recording import write_signals
from sessions_app.simulation.labelled.kinds import KINDS_BY_KEY
from sessions_app.simulation.labelled.labels import LABELS_FILE, SIGNALS_FILE, write_labels
from sessions_app.simulation.labelled.sessions import LabelledSession, recorded, simulate_sessions
from sessions_app.ticks import TICK_SECONDS


class Command(BaseCommand):
    help = "Simulates sessions and writes their signals and labels to a folder."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--output", type=Path, required=True, help="Output folder.")
        parser.add_argument("--sessions", type=whole_number(1), default=200, help="Default: 200.")
        parser.add_argument(
            "--seed",
            type=whole_number(0),
            default=1,
            help="The same seed gives the same files. Default: 1.",
        )
        parser.add_argument("--kind", choices=sorted(KINDS_BY_KEY), help="Default: all kinds.")
        parser.add_argument("--unlabelled", action="store_true", help="Do not write labels.")

    def handle(self, *args: Any, output: Path, **options: Any) -> None:
        start = time.monotonic()
        kind = KINDS_BY_KEY.get(options["kind"])
        sessions: list[LabelledSession] = []
        with progress_bar(options["sessions"], "sessions", "simulating") as bar:
            for session in simulate_sessions(options["seed"], options["sessions"], kind):
                sessions.append(session)
                bar.update()
        try:
            write_sessions(output, sessions, labelled=not options["unlabelled"])
        except OSError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{describe(sessions)}, {time.monotonic() - start:.1f} s: {output}")


def write_sessions(folder: Path, sessions: list[LabelledSession], labelled: bool = True) -> None:
    """Writes the two files, or the first of them; what was there is replaced."""
    folder.mkdir(parents=True, exist_ok=True)
    write_signals(folder / SIGNALS_FILE, *recorded(sessions))
    labels = folder / LABELS_FILE
    if labelled:
        write_labels(labels, [session.labels for session in sessions])
    else:
        # Labels of other sessions would be worse than none.
        labels.unlink(missing_ok=True)


def describe(sessions: list[LabelledSession]) -> str:
    """How much was simulated, in a few words."""
    hours = sum(session.labels.ticks for session in sessions) * TICK_SECONDS / 3600
    anomalies = sum(len(session.labels.anomalies) for session in sessions)
    return f"{len(sessions)} sessions, {hours:.1f} hours, {anomalies} anomalies"
