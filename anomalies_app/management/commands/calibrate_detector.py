"""``manage.py calibrate_detector``: fits the detector's tables to past sessions."""

from pathlib import Path
from typing import Any, NamedTuple

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from anomalies_app.detector.calibration import Calibration, CalibrationError, write_calibration
from anomalies_app.detector.river_trees import write_bundled
from anomalies_app.detector.state import FOREST
from anomalies_app.evaluation.calibration_fitting import PASSES, Batches, fit_calibration
from anomalies_app.shards.calibration_files import (
    BUILT_IN_NAME,
    calibration_path,
    save_calibration,
)
from sessions_app.management.arguments import a_time, progress_bar
from sessions_app.recordings.signal_recording import RecordedSignalsError, read_signals
from sessions_app.recordings.stored_signals import StoredSignals
from sessions_app.simulation.labelled.sessions import LabelledSession, recorded, simulate_session

DEFAULT_NAME = "own"
# The sessions that the built-in calibration is fitted to.
SIMULATED_SESSIONS = 300
SIMULATION_SEED = 1001


class PastSessions(NamedTuple):
    """The sessions that a calibration is fitted to.

    Attributes:
        batches: yields them, once per pass.
        row_count: their session-ticks.
        description: their origin, in words.
    """

    batches: Batches
    row_count: int
    description: str


class Command(BaseCommand):
    help = "Calibrates the detector with past sessions, which need no labels."
    # The system checks fail if DETECTOR_CALIBRATION does not exist, which this command repairs.
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "files",
            metavar="FILE",
            nargs="*",
            type=Path,
            help="Recorded signals, .csv or .csv.gz. Default: the stored metrics.",
        )
        parser.add_argument("--since", type=a_time, help="Only stored metrics since this date.")
        parser.add_argument("--event", metavar="ID", help="Only stored metrics of this event.")
        parser.add_argument(
            "--name",
            default=DEFAULT_NAME,
            help=f"Name of the calibration. Default: {DEFAULT_NAME}.",
        )
        parser.add_argument(
            "--built-in",
            action="store_true",
            help="Recreate the built-in calibration from simulated sessions.",
        )
        parser.add_argument(
            "--output",
            type=Path,
            help="Write it to this file. Default: the folder of stored calibrations.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        name = BUILT_IN_NAME if options["built_in"] else options["name"]
        _check_options(options)
        try:
            # Checks the name before the long run, not after it.
            path = options["output"] or calibration_path(name)
            past = _past_sessions(options)
            with progress_bar(past.row_count * PASSES, "session-ticks", "calibrating") as bar:
                calibration = fit_calibration(past.batches, name, past.description, bar.update)
            _store(calibration, options["output"])
        except (RecordedSignalsError, CalibrationError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{calibration.ticks:,} quiet ticks of {past.description}: {path}")
        if name != BUILT_IN_NAME and options["output"] is None:
            self.stdout.write(f"To use it, set DETECTOR_CALIBRATION={name} and restart.")


def _check_options(options: dict[str, Any]) -> None:
    stored = [f"--{name}" for name in ("since", "event") if options[name]]
    if stored and options["files"]:
        raise CommandError(f"{' and '.join(stored)} cannot be used with files")
    if options["built_in"] and (stored or options["files"]):
        raise CommandError("--built-in always uses simulated sessions")
    if not options["built_in"] and options["name"] == BUILT_IN_NAME:
        raise CommandError(f"{BUILT_IN_NAME!r} is reserved: choose another name")


def _past_sessions(options: dict[str, Any]) -> PastSessions:
    if options["built_in"]:
        return _simulated()
    if options["files"]:
        return _in_files(options["files"])
    stored = StoredSignals(options["since"], options["event"])
    day = timezone.now().date()
    return PastSessions(
        batches=lambda: (portion.recorded for portion in stored.portions()),
        row_count=stored.row_count,
        description=f"stored metrics until {day}",
    )


def _in_files(paths: list[Path]) -> PastSessions:
    tables = [read_signals(path) for path in paths]
    names = ", ".join(path.name for path in paths)
    return PastSessions(lambda: tables, sum(table.row_count for table in tables), names)


def _simulated() -> PastSessions:
    sessions: list[LabelledSession] = []
    with progress_bar(SIMULATED_SESSIONS, "sessions", "simulating") as bar:
        for number in range(SIMULATED_SESSIONS):
            sessions.append(simulate_session(SIMULATION_SEED, number))
            bar.update()
    signals, _ = recorded(sessions)
    description = f"{SIMULATED_SESSIONS} simulated sessions, seed {SIMULATION_SEED}"
    return PastSessions(lambda: [signals], signals.row_count, description)


def _store(calibration: Calibration, output: Path | None) -> None:
    if output is not None:
        write_calibration(calibration, output)
    elif calibration.name == BUILT_IN_NAME:
        write_calibration(calibration, calibration_path(BUILT_IN_NAME))
        write_bundled(FOREST.origin)
    else:
        save_calibration(calibration)
