"""``manage.py detect`` without its startup: reads a file of recorded sessions and detects in it."""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from anomalies_app.evaluation.offline import detect_recorded
from anomalies_app.shards.calibration_files import load_calibration
from benchmarks.detection.detector import river_ms_per_session
from benchmarks.measurement import Measurement
from sessions_app.recordings.signal_recording import RecordedSignals, read_signals, write_signals
from sessions_app.simulation.labelled.sessions import recorded, simulate_session

SIMULATED_SESSIONS = 40
COPIES = 10
RUNS = 5
SEED = 5
# Less than half the usual ratio: both times vary on a busy machine.
LEAST_RATIO = 3.0
MILLISECONDS = 1_000.0


def measure(report: Callable[[str], None]) -> list[Measurement]:
    """Session-ticks per second; the baseline is River's forest alone."""
    report(f"{SIMULATED_SESSIONS * COPIES} recorded sessions")
    signals = _sessions()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "signals.csv.gz"
        write_signals(path, signals)
        report(f"reading {signals.row_count:,} session-ticks")
        (reading,) = _fastest(lambda: read_signals(path))
    report(f"detecting in {signals.row_count:,} session-ticks")
    calibration = load_calibration()
    rivers: list[float] = []
    detecting, _ = _fastest(
        lambda: detect_recorded(signals, calibration),
        lambda: rivers.append(river_ms_per_session()),
    )
    river = MILLISECONDS / min(rivers)
    note, unit = "River's HalfSpaceTrees alone", "session-ticks/s"
    count = signals.row_count
    return [
        Measurement("read_signals", count / reading, unit, river, note),
        Measurement("detect", count / detecting, unit, river, note, least_ratio=LEAST_RATIO),
    ]


def _fastest(*works: Callable[[], object]) -> list[float]:
    """Seconds of each function's fastest run, run in turns: other load can only slow them down."""
    seconds: list[list[float]] = [[] for _ in works]
    for _ in range(RUNS):
        for work, taken in zip(works, seconds, strict=True):
            started = time.perf_counter()
            work()
            taken.append(time.perf_counter() - started)
    return [min(taken) for taken in seconds]


def _sessions() -> RecordedSignals:
    """Simulated sessions, each repeated several times."""
    once, _ = recorded([simulate_session(SEED, number) for number in range(SIMULATED_SESSIONS)])
    columns = {
        name: np.tile(getattr(once, name), COPIES)
        for name in RecordedSignals._fields
        if name not in {"session", "session_ids"}
    }
    copy = np.repeat(np.arange(COPIES), once.row_count)
    session = np.tile(once.session, COPIES) + copy * len(once.session_ids)
    names = [f"{number}/{name}" for number in range(COPIES) for name in once.session_ids]
    return RecordedSignals(session=session, session_ids=names, **columns)
