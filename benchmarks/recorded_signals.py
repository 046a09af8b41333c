"""``manage.py detect`` without its start: a file of recorded sessions is read, and judged."""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from anomalies_app.calibration_store import load_calibration
from anomalies_app.offline import detect_recorded
from benchmarks.detector import river_ms_per_session
from benchmarks.measurement import Measurement
from sessions_app.recorded_signals import RecordedSignals, read_signals, write_signals
from sessions_app.simulation.labelled import recorded, simulate_session

SIMULATED_SESSIONS = 40
COPIES = 10
RUNS = 3
SEED = 5
# About half of what it reaches: River's own time varies on a busy machine.
LEAST_RATIO = 5.0
MILLISECONDS = 1_000.0


def measure(report: Callable[[str], None]) -> list[Measurement]:
    """Session-ticks per second; the baseline is what River's forest alone gets done."""
    report(f"{SIMULATED_SESSIONS * COPIES} recorded sessions")
    signals = _sessions()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "signals.csv.gz"
        write_signals(path, signals)
        report(f"reading {signals.row_count:,} session-ticks")
        reading = _fastest(lambda: read_signals(path))
    report(f"detecting in {signals.row_count:,} session-ticks")
    calibration = load_calibration()
    detecting = _fastest(lambda: detect_recorded(signals, calibration))
    river = MILLISECONDS / river_ms_per_session()
    note, unit = "River's HalfSpaceTrees alone", "session-ticks/s"
    count = signals.row_count
    return [
        Measurement("read_signals", count / reading, unit, river, note),
        Measurement("detect", count / detecting, unit, river, note, least_ratio=LEAST_RATIO),
    ]


def _fastest(work: Callable[[], object]) -> float:
    """Seconds of the fastest run: what else the machine does can only slow it down."""
    seconds = []
    for _ in range(RUNS):
        started = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - started)
    return min(seconds)


def _sessions() -> RecordedSignals:
    """Some simulated sessions, each several times over."""
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
