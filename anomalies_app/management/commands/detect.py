"""``manage.py detect``: what the detector finds in recorded sessions."""

import time
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any

import msgspec
from django.core.management.base import BaseCommand, CommandError, CommandParser

from anomalies_app.detector.calibration import Calibration, CalibrationError
from anomalies_app.evaluation.offline import Detection, detect_recorded
from anomalies_app.shards.calibration_files import load_calibration
from sessions_app.management.arguments import progress_bar
from sessions_app.recordings.signal_recording import (
    RecordedSignals,
    RecordedSignalsError,
    read_signals,
)


class Command(BaseCommand):
    help = "Runs the detector over recorded signals and writes one JSON line per detection."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, help="Recorded signals, .csv or .csv.gz.")
        parser.add_argument("--output", type=Path, help="Output file. Default: standard output.")
        parser.add_argument(
            "--calibration", help="Name of a stored calibration. Default: the built-in one."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            calibration = load_calibration(options["calibration"])
            recorded = read_signals(options["file"])
        except (RecordedSignalsError, CalibrationError) as error:
            raise CommandError(str(error)) from error
        started = time.perf_counter()
        detections = _detect(recorded, calibration)
        seconds = time.perf_counter() - started
        try:
            self._write(detections, options["output"])
        except OSError as error:
            raise CommandError(f"{options['output']}: {error.strerror}") from error
        rate = recorded.row_count / max(seconds, 1e-9)
        self.stderr.write(
            f"{len(recorded.session_ids):,} sessions, {recorded.row_count:,} session-ticks, "
            f"{len(detections):,} detections, {seconds:.1f} s, {rate:,.0f} session-ticks/s"
        )

    def _write(self, detections: Iterable[Detection], path: Path | None) -> None:
        with ExitStack() as files:
            output: IO[bytes] | None = None
            if path is not None:
                output = files.enter_context(path.open("wb"))
            for detection in detections:
                line = msgspec.json.encode(detection)
                if output is None:
                    self.stdout.write(line.decode())
                else:
                    output.write(line + b"\n")


def _detect(recorded: RecordedSignals, calibration: Calibration) -> list[Detection]:
    with progress_bar(recorded.row_count, "session-ticks", "detecting") as bar:
        return detect_recorded(recorded, calibration, progress=bar.update)
