"""``manage.py calibrate_detector``: makes tables of what is usual from past sessions."""

from pathlib import Path
from typing import Any, NamedTuple

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from anomalies_app.detector.calibration import Calibration, CalibrationError, write_calibration
from anomalies_app.detector.river_trees import keep
from anomalies_app.detector.state import FOREST
from anomalies_app.evaluation.calibration_fitting import PASSES, Portions, fit_calibration
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
# What the built-in calibration is made of.
SIMULATED_SESSIONS = 300
SIMULATION_SEED = 1001


class PastSessions(NamedTuple):
    """What a calibration is made of.

    Attributes:
        portions: gives it, for every pass anew.
        row_count: session-ticks in all.
        description: where it is from.
    """

    portions: Portions
    row_count: int
    description: str


class Command(BaseCommand):
    help = "Makes a calibration of the detector from past sessions, which need no labels."
    # It is what repairs a setting that names a calibration which does not exist.
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "files",
            metavar="FILE",
            nargs="*",
            type=Path,
            help="Recorded signals, .csv or .csv.gz. Default: the stored metrics.",
        )
        parser.add_argument("--since", type=a_time, help="Stored metrics from this date on.")
        parser.add_argument("--event", metavar="ID", help="Stored metrics of this event only.")
        parser.add_argument(
            "--name", default=DEFAULT_NAME, help=f"What to call it. Default: {DEFAULT_NAME}."
        )
        parser.add_argument(
            "--built-in",
            action="store_true",
            help="Make the built-in one again, from simulated sessions.",
        )
        parser.add_argument(
            "--output", type=Path, help="Write it to this file. Default: among the stored ones."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        name = BUILT_IN_NAME if options["built_in"] else options["name"]
        _check_options(options)
        try:
            # A name that cannot be one should not be noticed at the end.
            path = options["output"] or calibration_path(name)
            past = _past_sessions(options)
            with progress_bar(past.row_count * PASSES, "session-ticks", "calibrating") as bar:
                calibration = fit_calibration(past.portions, name, past.description, bar.update)
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
        raise CommandError("--built-in is made of simulated sessions only")
    if not options["built_in"] and options["name"] == BUILT_IN_NAME:
        raise CommandError(f"{BUILT_IN_NAME!r} is taken: choose another name")


def _past_sessions(options: dict[str, Any]) -> PastSessions:
    if options["built_in"]:
        return _simulated()
    if options["files"]:
        return _in_files(options["files"])
    stored = StoredSignals(options["since"], options["event"])
    day = timezone.now().date()
    return PastSessions(
        lambda: (portion.recorded for portion in stored.portions()),
        stored.row_count,
        f"stored metrics until {day}",
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
        keep(FOREST.origin)
    else:
        save_calibration(calibration)
