"""Runs a Python module with its own embedded servers, or those of ``DATABASE_URL``, ``REDIS_URL``.

With ``WITH_TIMESCALEDB=1`` the database is the TimescaleDB of ``debian.py``.
"""

import os
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "scripts")]

import debian  # noqa: E402
import timescaledb  # noqa: E402

from engagement_conductor.local_stack import servers as embedded  # noqa: E402


def main() -> int:
    """Returns the exit code of the module."""
    environment = dict(os.environ)
    environment.setdefault("CHROMIUM", debian.find_chromium() or "")
    with ExitStack() as servers:
        # Next to the product's own data: the system's temporary folder may be in memory.
        (ROOT / ".data").mkdir(mode=0o700, exist_ok=True)
        folder = tempfile.TemporaryDirectory(prefix="module-", dir=ROOT / ".data")
        data_dir = Path(servers.enter_context(folder))
        environment["DATA_DIR"] = str(data_dir)
        logs = data_dir / "logs"
        if os.environ.get("WITH_TIMESCALEDB") == "1":
            print("Starting TimescaleDB ...", flush=True)
            server = servers.enter_context(timescaledb.running(debian.TIMESCALEDB_ROOT, logs))
            environment |= {"DATABASE_URL": server.url, "TIMESCALEDB_REQUIRED": "True"}
        if not environment.get("DATABASE_URL"):
            print("Starting the embedded PostgreSQL ...", flush=True)
            server = servers.enter_context(embedded.running(embedded.postgresql(data_dir), logs))
            environment["DATABASE_URL"] = server.url
        if not environment.get("REDIS_URL"):
            print("Starting the embedded Valkey ...", flush=True)
            server = servers.enter_context(embedded.running(embedded.valkey(data_dir), logs))
            environment["REDIS_URL"] = server.url
        command = [sys.executable, "-m", *sys.argv[1:]]
        return subprocess.run(command, cwd=ROOT, env=environment).returncode


if __name__ == "__main__":
    sys.exit(main())
