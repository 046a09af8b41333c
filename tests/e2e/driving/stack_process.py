"""The product's real processes and servers, for tests that stop, freeze and restart them."""

import http.client
import os
import signal
import subprocess
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import redis
from django.conf import settings

from engagement_conductor.configuration.env import BASE_DIR
from engagement_conductor.local_stack import commands, ports
from engagement_conductor.local_stack import servers as embedded
from engagement_conductor.local_stack.processes import Launch, Process, wait_until
from sessions_app.redis_access import keys

PRODUCT = ("collector", "worker", "beat", "web")
WAIT_SECONDS = 60.0
POLL_SECONDS = 0.05
SHOWN_BYTES = 8_000

_products: "weakref.WeakSet[RunningProcesses]" = weakref.WeakSet()


def wait_for(condition: Callable[[], object], what: str, seconds: float = WAIT_SECONDS) -> float:
    """Waits until ``condition()`` is true; returns the seconds that took, or fails."""
    start = time.monotonic()
    while not condition():
        if time.monotonic() - start > seconds:
            raise AssertionError(f"not within {seconds:g} s: {what}")
        time.sleep(POLL_SECONDS)
    return time.monotonic() - start


@dataclass(eq=False)
class RunningProcesses:
    """Named processes, each of which a test may stop and restart.

    Args:
        directory: the data folder; logs go to ``logs`` in it.
        database_url, redis_url: the servers to use.
    """

    directory: Path
    database_url: str
    redis_url: str
    web_port: int = field(default_factory=ports.find_free)
    _running: dict[str, Process] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _products.add(self)

    @property
    def environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "DATABASE_URL": self.database_url,
            "REDIS_URL": self.redis_url,
            "DATA_DIR": str(self.directory),
            "PORT": str(self.web_port),
            # Logins created by tests are valid in the product.
            "SECRET_KEY": settings.SECRET_KEY,
            "TIMESCALEDB_REQUIRED": "False",
            "PYTHONUNBUFFERED": "1",
        }

    def start(self, kind: str, name: str = "") -> Process:
        """Starts a process of the product, under a separate name if several of a kind run."""
        launch = commands.processes(self.web_port, demo=False)[kind]
        return self.launch(replace(launch, environment=self.environment), name or kind)

    def launch(self, launch: Launch, name: str) -> Process:
        self._running[name] = Process(replace(launch, name=name), self.directory / "logs")
        return self._running[name]

    def start_missing(self) -> None:
        """Ensures that every process of the product runs, and nothing else."""
        for name in [name for name in self._running if name not in PRODUCT]:
            self._running.pop(name).stop()
        missing = [name for name in PRODUCT if not self.is_running(name)]
        for name in missing:
            self.start(name)
        if missing:
            self.wait_until_ready()

    def end(self, name: str, number: signal.Signals, seconds: float = WAIT_SECONDS) -> float:
        """Signals a process and waits until it exits by itself; returns the seconds that took.

        Only the leader is signalled, as by ``kill``; the rest of its group is then removed, too.
        """
        process = self._running.pop(name)
        os.kill(process.pid, number)
        return wait_for(lambda: process.exit_code() is not None, f"{name} ends", seconds)

    def signal(self, name: str, number: signal.Signals) -> None:
        os.kill(self._running[name].pid, number)

    def is_running(self, name: str) -> bool:
        return name in self._running and self._running[name].exit_code() is None

    def stop(self) -> None:
        for name in reversed([*self._running]):
            self._running.pop(name).stop()

    def manage(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Runs a management command, which must succeed."""
        result = subprocess.run(
            commands.manage(*arguments),
            cwd=BASE_DIR,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=WAIT_SECONDS,
        )
        assert result.returncode == 0, result.stderr
        return result

    def log(self, name: str) -> str:
        """The log of a process so far."""
        path = self.directory / "logs" / f"{name}.log"
        return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""

    def wait_until_ready(self) -> None:
        """Returns when collector, worker, beat and web are all working."""
        wait_for(lambda: self.page_status("/health") == 200, "the pages work")
        with redis.Redis.from_url(self.redis_url) as client:
            before = scored_tick(client)
            wait_for(lambda: scored_tick(client) > before, "the next tick is scored")

    def page_status(self, path: str) -> int | None:
        """The status of the web server's response; None if there is none."""
        connection = http.client.HTTPConnection("127.0.0.1", self.web_port, timeout=5)
        try:
            connection.request("GET", path)
            return connection.getresponse().status
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()


def ends_of_logs() -> list[tuple[str, str]]:
    """Every log's path and last lines, of all processes and servers that tests have running."""
    logs = [path for product in _products for path in product.directory.glob("logs/*.log")]
    return [
        (str(path), path.read_text(encoding="utf-8", errors="replace")[-SHOWN_BYTES:])
        for path in sorted(logs)
    ]


def scored_tick(client: "redis.Redis") -> int:
    """The last tick that every shard has scored; 0 before the first."""
    scored = client.mget([keys.scored_tick(shard) for shard in range(keys.SHARD_COUNT)])
    return min(int(tick or 0) for tick in scored)


@dataclass
class RunningServer:
    """A PostgreSQL or Valkey whose folder and port survive restarts."""

    server: embedded.Server
    logs: Path
    process: Process | None = None

    def start(self) -> None:
        self.process = Process(self.server.launch(), self.logs)
        assert wait_until(self.server.answers, self.process, WAIT_SECONDS), (
            self.process.last_lines()
        )

    def end(self, number: signal.Signals) -> None:
        """Signals the server and waits until it exits."""
        process = self.process
        assert process is not None
        os.kill(process.pid, number)
        wait_for(lambda: process.exit_code() is not None, "the server ends")

    def stop(self) -> None:
        if self.process is not None:
            self.process.stop()


@contextmanager
def running_servers(directory: Path) -> Iterator[dict[str, RunningServer]]:
    """A PostgreSQL and a Valkey of the test's own, named ``database`` and ``redis``."""
    servers = {
        "database": RunningServer(embedded.postgresql(directory), directory / "logs"),
        "redis": RunningServer(embedded.valkey(directory), directory / "logs"),
    }
    try:
        for server in servers.values():
            server.start()
        yield servers
    finally:
        for server in servers.values():
            server.stop()


@contextmanager
def running_product(
    directory: Path, database_url: str, redis_url: str, *names: str
) -> Iterator[RunningProcesses]:
    """The named processes, on running servers with a migrated database."""
    product = RunningProcesses(directory, database_url, redis_url)
    try:
        for name in names:
            product.start(name)
        yield product
    finally:
        product.stop()


@contextmanager
def running_installation(
    directory: Path,
) -> Iterator[tuple[RunningProcesses, dict[str, RunningServer]]]:
    """The product without a process yet, on servers of its own with a migrated database."""
    with running_servers(directory) as servers:
        urls = servers["database"].server.url, servers["redis"].server.url
        with running_product(directory, *urls) as product:
            product.manage("migrate", "--verbosity", "0")
            yield product, servers
