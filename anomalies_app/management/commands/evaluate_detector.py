"""``manage.py evaluate_detector``: recall, precision and delay on labelled sessions."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from django.core.management.base import BaseCommand, CommandError, CommandParser

from anomalies_app.detector.calibration import Calibration, CalibrationError
from anomalies_app.evaluation.offline import detect_recorded
from anomalies_app.evaluation.report import Report, evaluate, format_report
from anomalies_app.shards.calibration_files import load_calibration
from sessions_app.management.arguments import progress_bar, whole_number
from sessions_app.recordings.signal_recording import (
    RecordedSignals,
    RecordedSignalsError,
    read_signals,
)
from sessions_app.simulation.labelled.labels import (
    LABELS_FILE,
    SIGNALS_FILE,
    LabelsError,
    SessionLabels,
    read_labels,
)
from sessions_app.simulation.labelled.sessions import recorded, simulate_sessions

# Not the default of simulate_sessions, from which calibrations are made.
DEFAULT_SEED = 2027


class LabelledSignals(NamedTuple):
    """Recorded sessions with labels.

    Attributes:
        name: of the data set.
        signals: the recorded signals.
        labels: of each session.
    """

    name: str
    signals: RecordedSignals
    labels: list[SessionLabels]


class Command(BaseCommand):
    help = "Runs the detector over labelled sessions and prints recall, precision and delay."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "folders",
            metavar="FOLDER",
            nargs="*",
            type=Path,
            help=f"A folder with {SIGNALS_FILE} and {LABELS_FILE}. Default: simulated sessions.",
        )
        parser.add_argument(
            "--sessions",
            type=whole_number(0),
            default=200,
            help="How many to simulate. Default: 200.",
        )
        parser.add_argument(
            "--seed", type=whole_number(0), default=DEFAULT_SEED, help=f"Default: {DEFAULT_SEED}."
        )
        parser.add_argument(
            "--calibration", help="Name of a stored calibration. Default: the built-in one."
        )
        parser.add_argument("--json", action="store_true", help="Print the report as JSON.")

    def handle(self, *args: Any, folders: list[Path], **options: Any) -> None:
        reports: dict[str, Report] = {}
        try:
            calibration = load_calibration(options["calibration"])
            for measured in _measured(folders, options["sessions"], options["seed"]):
                reports[measured.name] = _evaluate(measured, calibration)
                if not options["json"]:
                    self.stdout.write(f"{measured.name}\n{format_report(reports[measured.name])}\n")
        except (RecordedSignalsError, LabelsError, CalibrationError) as error:
            raise CommandError(str(error)) from error
        if options["json"]:
            self.stdout.write(msgspec.json.format(msgspec.json.encode(reports), indent=2).decode())


def _measured(folders: list[Path], sessions: int, seed: int) -> Iterator[LabelledSignals]:
    if not folders:
        yield _simulated(sessions, seed)
    for folder in folders:
        signals, labels = read_signals(folder / SIGNALS_FILE), read_labels(folder / LABELS_FILE)
        yield LabelledSignals(str(folder), signals, labels)


def _simulated(count: int, seed: int) -> LabelledSignals:
    sessions = []
    with progress_bar(count, "sessions", "simulating") as bar:
        for session in simulate_sessions(seed, count):
            sessions.append(session)
            bar.update()
    signals, _ = recorded(sessions)
    labels = [session.labels for session in sessions]
    return LabelledSignals(f"{count} simulated sessions, seed {seed}", signals, labels)


def _evaluate(measured: LabelledSignals, calibration: Calibration) -> Report:
    with progress_bar(measured.signals.row_count, "session-ticks", "detecting") as bar:
        detections = detect_recorded(measured.signals, calibration, bar.update)
    return evaluate(measured.labels, detections)
