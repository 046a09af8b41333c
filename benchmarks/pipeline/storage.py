"""Writing metrics, and reading a session's chart from a large table.

The environment variable ROWS sets the number of rows of the chart's table; default two million.
Names end in ``_timescaledb`` if the table is a hypertable.
"""

import os
import statistics
import time
from collections.abc import Callable
from datetime import timedelta

import numpy as np
from django.db import connection, transaction
from tqdm import tqdm

from benchmarks.measurement import Measurement
from sessions_app.models import EngagementMetric
from sessions_app.state.tick_metrics import METRIC
from sessions_app.storage.metrics import encode_copy, store_metrics
from sessions_app.ticks import TICK_SECONDS, tick_end

BATCH = 10_000
ROUNDS = 20
DEFAULT_ROWS = 2_000_000
DAY_TICKS = 86_400 // TICK_SECONDS
BATCH_TICKS = 60
FIRST_TICK = 350_000_000
KEYS = ("session_id", "event_id", "score")
RANGES = {
    "5m": timedelta(minutes=5),
    "2h": timedelta(hours=2),
    "day": timedelta(days=1) - timedelta(seconds=TICK_SECONDS),
}
READS = 25
SEED = 1


def measure(report: Callable[[str], None]) -> list[Measurement]:
    """Rows per second, and milliseconds per chart."""
    suffix = "_timescaledb" if connection.has_timescaledb else ""
    report(f"storing {ROUNDS} batches of {BATCH:,} rows")
    stored, bare = _store()
    measurements = [
        Measurement(f"store{suffix}", stored, "rows/s", bare, "bare COPY, table without an index")
    ]
    sessions = max(1, int(os.environ.get("ROWS", DEFAULT_ROWS)) // DAY_TICKS)
    report(f"a table of {sessions * DAY_TICKS:,} rows: a day of {sessions:,} sessions")
    _fill(sessions)
    for name, length in RANGES.items():
        report(f"chart of range {name}")
        chart, rows = _read(sessions, length)
        note = "bare query of its rows"
        measurements.append(Measurement(f"chart_{name}{suffix}", chart, "ms", rows, note))
    _empty()
    return measurements


def _empty() -> None:
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE engagement_metrics")


def _store() -> tuple[float, float]:
    """Rows per second of the product's writer and of a bare COPY, run in turns."""
    _empty()
    rows = np.zeros(BATCH, METRIC)
    rows["session_id"], rows["score"] = np.arange(BATCH), 0.5
    names = ("time", *(name for name in METRIC.names or () if name != "event_id"))
    command = f"COPY bare_metrics ({', '.join(names)}) FROM STDIN (FORMAT BINARY)"
    stored, bare = [], []
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE bare_metrics (LIKE engagement_metrics)")
        for number in range(ROUNDS):
            began = time.perf_counter()
            store_metrics(rows, FIRST_TICK + number)
            stored.append(time.perf_counter() - began)
            data = encode_copy(rows, tick_end(FIRST_TICK + number))
            began = time.perf_counter()
            with cursor.copy(command) as copy:
                copy.write(data)
            bare.append(time.perf_counter() - began)
        cursor.execute("DROP TABLE bare_metrics")
    return BATCH / statistics.median(stored), BATCH / statistics.median(bare)


def _fill(sessions: int) -> None:
    """Writes a day of ``sessions`` sessions, tick by tick like the product."""
    _empty()
    rows = np.zeros(sessions, METRIC)
    rows["session_id"] = np.arange(1, sessions + 1)
    numbers = [name for name in METRIC.names or () if name not in KEYS]
    with tqdm(total=sessions * DAY_TICKS, unit="rows", unit_scale=True) as bar:
        for first in range(FIRST_TICK, FIRST_TICK + DAY_TICKS, BATCH_TICKS):
            with transaction.atomic():
                for tick in range(first, first + BATCH_TICKS):
                    rows["score"] = 0.5 + 0.4 * np.sin(rows["session_id"] + tick / 180)
                    for name in numbers:
                        rows[name] = (rows["session_id"] + tick // 12) % 40
                    store_metrics(rows, tick)
            bar.update(BATCH_TICKS * sessions)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE engagement_metrics")


def _read(sessions: int, length: timedelta) -> tuple[float, float]:
    """Median milliseconds of a chart and of its rows, for random sessions."""
    random_numbers = np.random.default_rng(SEED)
    end = tick_end(FIRST_TICK + DAY_TICKS - 1)
    charts, rows = [], []
    with connection.cursor() as cursor:
        for session in random_numbers.integers(1, sessions + 1, READS).tolist():
            began = time.perf_counter()
            buckets = EngagementMetric.objects.history(session, end - length, end)
            charts.append(time.perf_counter() - began)
            began = time.perf_counter()
            cursor.execute(
                "SELECT * FROM engagement_metrics WHERE session_id = %s AND time BETWEEN %s AND %s",
                [session, end - length, end],
            )
            found = len(cursor.fetchall())
            rows.append(time.perf_counter() - began)
            if found != length // timedelta(seconds=TICK_SECONDS) + 1 or not buckets:
                raise AssertionError(f"{found} rows, {len(buckets)} buckets of {length}")
    return statistics.median(charts) * 1000, statistics.median(rows) * 1000
