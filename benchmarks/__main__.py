"""``python -m benchmarks [NAME ...]``: runs benchmarks, prints a table, writes the results as JSON.

Fails if a ratio to a baseline measured on the same machine is out of bounds.

Needs an empty Redis, and creates a database of its own beside that of ``DATABASE_URL``.
"""

import json
import os
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import django

if TYPE_CHECKING:
    from benchmarks.machine import Machine
    from benchmarks.measurement import Measurement

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "engagement_conductor.settings")
os.environ.setdefault("LOG_LEVEL", "ERROR")
RESULTS = Path(__file__).parent / "results" / "latest.json"


def main(names: list[str]) -> int:
    """Runs the named benchmarks, all by default; returns the exit code."""
    django.setup()
    from benchmarks.detection import detector
    from benchmarks.inputs import recorded_signals
    from benchmarks.machine import this_machine
    from benchmarks.measurement import table
    from benchmarks.pipeline import hot_session, ingest, publishing, storage, ticks
    from benchmarks.web import anomaly_list, drawing, pages, pixel, screens

    machine = this_machine()
    benchmarks: dict[str, Callable] = {
        "ingest": ingest.measure,
        "detector": detector.measure,
        "detect": recorded_signals.measure,
        "ticks": ticks.measure,
        "hot_session": hot_session.measure,
        "storage": storage.measure,
        "publishing": publishing.measure,
        "anomaly_list": anomaly_list.measure,
        "screens": screens.measure,
        "drawing": drawing.measure,
        "pages": pages.measure,
        "pixel": pixel.measure,
    }
    if unknown := set(names) - set(benchmarks):
        print(f"Unknown: {', '.join(sorted(unknown))}. The benchmarks are {', '.join(benchmarks)}.")
        return 2
    if problem := _redis_problem():
        print(problem, file=sys.stderr)
        return 2
    measurements, failed = [], []
    with _scratch_database():
        for name in names or benchmarks:
            try:
                measurements += benchmarks[name](_report)
            except Exception:  # noqa: BLE001 - must not lose the results of the others
                traceback.print_exc()
                failed.append(name)
            _write(measurements, machine)
    print(f"\n{table(measurements)}\n\nOn {machine}.")
    print(f"Written to {RESULTS.relative_to(Path.cwd())}.")
    slow = [measurement.name for measurement in measurements if measurement.is_slow]
    if slow:
        print(f"Ratio out of bounds: {', '.join(slow)}.", file=sys.stderr)
    if failed:
        print(f"Failed: {', '.join(failed)}; see above.", file=sys.stderr)
    return 1 if slow or failed else 0


def _write(measurements: list["Measurement"], machine: "Machine") -> None:
    """Writes each result with its machine, as results of several machines are kept in one list."""
    RESULTS.parent.mkdir(exist_ok=True)
    where = machine._asdict()
    results = [{**measurement.as_json(), "machine": where} for measurement in measurements]
    RESULTS.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")


def _report(line: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {line} ...", flush=True)


def _redis_problem() -> str:
    """Why the configured Redis cannot be used, as it is flushed repeatedly; empty if it can."""
    from sessions_app.redis_access.client import connect

    if connect().dbsize():
        return "REDIS_URL must point to an empty Redis: the benchmarks would delete its data."
    return ""


@contextmanager
def _scratch_database() -> Iterator[None]:
    from django.test.utils import setup_databases, teardown_databases

    _report("preparing the database")
    old = setup_databases(verbosity=0, interactive=False)
    try:
        yield
    finally:
        teardown_databases(old, verbosity=0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
