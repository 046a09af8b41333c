"""Runs the tests on real servers: ``make test``. Arguments are passed to pytest.

The database is the server of ``DATABASE_URL`` if that is set, else a TimescaleDB if ``debian.py``
has built one, else the embedded PostgreSQL. With ``REQUIRE_ALL=1`` anything missing is a failure.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "scripts")]

import debian  # noqa: E402
import timescaledb  # noqa: E402

from engagement_conductor.local_stack import guardian, servers  # noqa: E402
from engagement_conductor.local_stack.guard import guard  # noqa: E402
from engagement_conductor.local_stack.processes import STOP_SECONDS  # noqa: E402

FOLDER = ROOT / ".data" / "tests"
# Run one after the other. Tests that measure run alone.
RUNS = (
    # These wait for servers and timers more than they compute.
    ["-m", "not e2e", "-n", "4"],
    ["-m", "e2e and not alone", "-n", "3", "--dist", "worksteal"],
    ["-m", "alone"],
)
SLOWEST_SHOWN = 15
NOTHING_SELECTED = 5


def main() -> int:
    """Returns pytest's exit code, or 1 if something required is missing."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    # Background jobs of a script ignore SIGINT, and so would every child started from here.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    required = os.environ.get("REQUIRE_ALL") == "1"
    missing = _missing()
    for line in missing:
        print(f"NOT RUN: {line}", flush=True)
    if missing and required:
        print("REQUIRE_ALL=1: nothing may be missing.", file=sys.stderr)
        return 1
    _remove_leftovers()
    data_dir = FOLDER / str(os.getpid())
    try:
        with _database(data_dir) as environment:
            return _all_runs({**environment, "DATA_DIR": str(data_dir)}, missing)
    except KeyboardInterrupt:
        return 130
    except RuntimeError as error:
        print(error, file=sys.stderr)
        return 1
    finally:
        shutil.rmtree(data_dir, ignore_errors=True)


def _missing() -> list[str]:
    lines = []
    if not _has_timescaledb() and "DATABASE_URL" not in os.environ:
        lines.append(
            "the tests of hypertables, because there is no TimescaleDB: it is installed only for "
            "root on Debian. Set DATABASE_URL to a TimescaleDB server."
        )
    if _chromium() is None:
        lines.append(
            "the tests in a browser, because there is no Chromium: it is installed only for root "
            "on Debian. Install it, or set CHROMIUM to its path."
        )
    return lines


def _has_timescaledb() -> bool:
    return debian.can_install() and debian.timescaledb_postgres().exists()


def _chromium() -> str | None:
    return os.environ.get("CHROMIUM") or debian.find_chromium()


@contextmanager
def _database(data_dir: Path) -> Iterator[dict[str, str]]:
    """Environment variables of a database server that runs until the block ends."""
    logs = data_dir / "logs"
    if url := os.environ.get("DATABASE_URL"):
        yield {"DATABASE_URL": url}
    elif _has_timescaledb():
        print("Starting TimescaleDB ...", flush=True)
        with timescaledb.running(debian.TIMESCALEDB_ROOT, logs) as server:
            yield {"DATABASE_URL": server.url, "TIMESCALEDB_REQUIRED": "True"}
    else:
        print("Starting the embedded PostgreSQL ...", flush=True)
        with servers.running(servers.postgresql(data_dir), logs) as server:
            yield {"DATABASE_URL": server.url}


def _all_runs(environment: dict[str, str], missing: list[str]) -> int:
    """Runs all tests, unit and integration tests first; returns the first bad exit code."""
    codes = [_pytest(options, environment, missing) for options in RUNS]
    if all(code == NOTHING_SELECTED for code in codes):
        return NOTHING_SELECTED
    return next((code for code in codes if code not in (0, NOTHING_SELECTED)), 0)


def _pytest(options: list[str], environment: dict[str, str], missing: list[str]) -> int:
    options = [*options, f"--durations={SLOWEST_SHOWN}"]
    command = [sys.executable, "-m", "pytest", *options, *sys.argv[1:]]
    environment = {
        **os.environ,
        **environment,
        "CHROMIUM": _chromium() or "",
        "NOT_RUN": "\n".join(missing),
    }
    # In its own process group, which the guardian ends if this process is killed.
    child = subprocess.Popen(command, cwd=ROOT, env=environment, start_new_session=True)
    guard.add(child.pid, signal.SIGINT)
    try:
        return child.wait()
    finally:
        _end(child)
        guard.remove(child.pid)


def _end(child: "subprocess.Popen[bytes]") -> None:
    """Lets a running pytest tear down its fixtures, then kills what is left."""
    if child.poll() is None:
        guardian.send(child.pid, signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(STOP_SECONDS)
    guardian.send(child.pid, signal.SIGKILL)
    child.wait()


def _remove_leftovers() -> None:
    """Deletes the data of killed runs."""
    for folder in FOLDER.glob("*"):
        if not Path("/proc", folder.name).exists():
            shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
