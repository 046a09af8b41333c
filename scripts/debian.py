"""Installs what the tests need from Debian: a TimescaleDB server in a folder, and Chromium.

Works only as root on Debian; elsewhere it says so and does nothing. Uses only Python's standard
library. ``run_tests.py`` reports what is still missing afterwards.
"""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TIMESCALEDB_ROOT = ROOT / ".data" / "timescaledb"
SUITE = "trixie"
PACKAGES = ("postgresql-17", "postgresql-17-timescaledb")
ATTEMPTS = 3
RETRY_SECONDS = 5.0
CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome")


# debootstrap is in /usr/sbin, which `su` does not always put on the path.
os.environ["PATH"] = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"


def main() -> int:
    """Returns 0 even if an installation fails: the tests decide what they need."""
    if not can_install():
        print("Not root on Debian: TimescaleDB and Chromium are not installed.", flush=True)
        return 0
    building = None
    if not timescaledb_postgres().exists() and _install("debootstrap"):
        print(f"Building a Debian {SUITE} with TimescaleDB (about a minute) ...", flush=True)
        building = _Build()
    if find_chromium() is None:
        _install("chromium")
    if building is not None:
        building.finish()
    return 0


def can_install() -> bool:
    """Whether Debian packages can be installed here."""
    return os.geteuid() == 0 and shutil.which("apt-get") is not None


def timescaledb_postgres() -> Path:
    """The server program inside the Debian folder; it exists once that folder is complete."""
    return TIMESCALEDB_ROOT / "usr/lib/postgresql/17/bin/postgres"


def find_chromium() -> str | None:
    """The path of a Chromium, or None."""
    return next((path for name in CHROMIUM_NAMES if (path := shutil.which(name))), None)


class _Build:
    """A running debootstrap. Its folder is renamed when complete; a partial one is never used."""

    def __init__(self) -> None:
        self._folder = TIMESCALEDB_ROOT.with_name(f"{TIMESCALEDB_ROOT.name}.{os.getpid()}.new")
        self._log = TIMESCALEDB_ROOT.with_name("debootstrap.log")
        self._log.parent.mkdir(parents=True, exist_ok=True)
        for old in self._folder.parent.glob(f"{TIMESCALEDB_ROOT.name}.*.new"):
            shutil.rmtree(old, ignore_errors=True)
        self._child = self._start()

    def _start(self) -> "subprocess.Popen[bytes]":
        included = f"--include={','.join(PACKAGES)}"
        command = ["debootstrap", "--variant=minbase", included, SUITE, str(self._folder)]
        with self._log.open("wb") as log:
            return subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)

    def finish(self) -> None:
        for attempt in range(1, ATTEMPTS + 1):
            self._wait()
            if self._child.returncode == 0:
                self._folder.rename(TIMESCALEDB_ROOT)
                print("TimescaleDB is ready.", flush=True)
                return
            print(f"debootstrap failed ({attempt} of {ATTEMPTS}): {self._last_line()}", flush=True)
            shutil.rmtree(self._folder, ignore_errors=True)
            if attempt < ATTEMPTS:
                time.sleep(RETRY_SECONDS)
                self._child = self._start()

    def _wait(self) -> None:
        while True:
            try:
                self._child.wait(10)
                return
            except subprocess.TimeoutExpired:
                print(f"  debootstrap: {self._last_line()}", flush=True)

    def _last_line(self) -> str:
        lines = self._log.read_text(errors="replace").splitlines()
        return lines[-1] if lines else "nothing yet"


def _install(package: str) -> bool:
    """Installs a Debian package unless its program exists. Returns whether it exists now."""
    if shutil.which(package) is not None:
        return True
    print(f"Installing the Debian package {package} ...", flush=True)
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    install = ["apt-get", "install", "--yes", "--quiet", "--no-install-recommends", package]
    for attempt in range(ATTEMPTS):
        for command in (["apt-get", "update", "--quiet"], install):
            result = subprocess.run(command, env=environment, capture_output=True, text=True)
        if result.returncode == 0:
            return True
        print(f"apt-get: {result.stderr.strip()[-300:]}", flush=True)
        time.sleep(RETRY_SECONDS * attempt)
    return False


if __name__ == "__main__":
    sys.exit(main())
