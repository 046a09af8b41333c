"""A temporary TimescaleDB server for tests, run inside the Debian folder of ``debian.py``."""

import os
import secrets
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from engagement_conductor.local_stack import ports
from engagement_conductor.local_stack.ports import LOOPBACK
from engagement_conductor.local_stack.processes import Launch, Process, wait_until

HOME = "/var/lib/postgresql"
PROGRAMS = "/usr/lib/postgresql/17/bin"
START_SECONDS = 30.0
# The host's environment does not apply inside the Debian folder.
ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
# Favors speed over durability, and allows a database with workers for each test process.
SETTINGS = {
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",
    "shared_preload_libraries": "timescaledb",
    "timescaledb.telemetry_level": "off",
    "max_worker_processes": "32",
    "timescaledb.max_background_workers": "16",
    "max_connections": "200",
    "max_locks_per_transaction": "256",
    "shared_buffers": "256MB",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "timezone": "UTC",
}


@dataclass(frozen=True)
class TimescaleDB:
    """A server with its own data folder inside ``root``."""

    root: Path
    name: str
    port: int
    password: str

    @property
    def url(self) -> str:
        return f"postgresql://postgres:{self.password}@{LOOPBACK}:{self.port}/postgres"

    def launch(self) -> Launch:
        shared_memory = "posix" if (self.root / "dev/shm").is_mount() else "mmap"
        settings = {
            **SETTINGS,
            "port": str(self.port),
            "dynamic_shared_memory_type": shared_memory,
        }
        arguments = ["-D", f"{HOME}/{self.name}"]
        arguments += [f"--{name}={value}" for name, value in settings.items()]
        return Launch(
            name="timescaledb",
            arguments=self._inside("postgres", *arguments),
            environment=ENVIRONMENT,
            stop_signal=signal.SIGINT,
            prepare=self._initialise,
        )

    def answers(self) -> bool:
        import psycopg

        try:
            psycopg.connect(self.url, connect_timeout=5).close()
        except psycopg.OperationalError:
            return False
        return True

    def remove(self) -> None:
        """Deletes its data."""
        shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def _folder(self) -> Path:
        return self.root / HOME.lstrip("/") / self.name

    def _initialise(self) -> None:
        owner = (self.root / HOME.lstrip("/")).stat().st_uid
        password_file = self._folder.with_suffix(".password")
        password_file.touch(mode=0o600)
        password_file.write_text(self.password)
        os.chown(password_file, owner, -1)
        arguments = [
            f"--pgdata={HOME}/{self.name}",
            f"--pwfile={HOME}/{password_file.name}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--locale=C.UTF-8",
            "--no-sync",
        ]
        try:
            subprocess.run(
                self._inside("initdb", *arguments),
                env=ENVIRONMENT,
                check=True,
                capture_output=True,
                text=True,
            )
        except subprocess.CalledProcessError as error:
            raise RuntimeError(f"initdb in {self.root} failed:\n{error.stderr}") from error
        finally:
            password_file.unlink()

    def _inside(self, program: str, *arguments: str) -> list[str]:
        user = "--userspec=postgres:postgres"
        return ["chroot", user, str(self.root), f"{PROGRAMS}/{program}", *arguments]


@contextmanager
def running(root: Path, log_directory: Path) -> Iterator[TimescaleDB]:
    """Runs a server with empty databases until the block ends.

    Raises:
        RuntimeError: it does not start; the message includes the end of its log.
    """
    _remove_leftovers(root)
    name = f"tests-{os.getpid()}"
    server = TimescaleDB(root, name, ports.find_free(), secrets.token_urlsafe(16))
    try:
        process = Process(server.launch(), log_directory)
        try:
            if not wait_until(server.answers, process, START_SECONDS):
                raise RuntimeError(f"TimescaleDB does not start:\n{process.last_lines()}")
            yield server
        finally:
            process.stop()
    finally:
        server.remove()


def _remove_leftovers(root: Path) -> None:
    """Deletes the data of killed runs."""
    for folder in (root / HOME.lstrip("/")).glob("tests-*"):
        if not Path("/proc", folder.name.removeprefix("tests-")).exists():
            shutil.rmtree(folder, ignore_errors=True)
