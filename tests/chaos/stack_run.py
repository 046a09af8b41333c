"""The product as ``make demo`` runs it, on a data folder of its own, with its supervisor."""

import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from engagement_conductor.configuration.env import BASE_DIR
from engagement_conductor.local_stack import ports
from tests.e2e.driving import stack_process

READY_SECONDS = 180.0
STOP_SECONDS = 60.0
POLL_SECONDS = 0.05
# What in its command line tells each process from the others.
MARKS = {
    "collector": b"collect_events",
    "worker": b"\0worker\0",
    "beat": b"\0beat\0",
    "web": b"engagement_conductor.asgi",
    "database": b"postgres\0-D",
    "redis": b"valkey-server",
    "conference": b"simulate_conference",
}


class ChaosError(Exception):
    """The product did not do what it had to; the message says what."""


def wait_for(condition: Callable[[], object], what: str, seconds: float) -> float:
    """Returns after how many seconds ``condition()`` held.

    Raises:
        ChaosError: it did not within ``seconds``.
    """
    try:
        return stack_process.wait_for(condition, what, seconds)
    except AssertionError as error:
        raise ChaosError(str(error)) from None


@dataclass
class StackRun:
    """A running stack.

    Args:
        directory: data folder.
        extra: environment variables on top of the usual.

    Attributes:
        url: of the pages.
        logins: name and password, by role.
        servers: URLs by ``redis`` and ``database``.
    """

    directory: Path
    extra: Mapping[str, str] = field(default_factory=dict)
    port: int = field(default_factory=ports.find_free)
    url: str = ""
    logins: dict[str, tuple[str, str]] = field(default_factory=dict)
    servers: dict[str, str] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)

    @property
    def environment(self) -> dict[str, str]:
        """That of the stack, also for processes that are to work beside it."""
        kept = {
            name: value
            for name, value in os.environ.items()
            if name not in ("DATABASE_URL", "REDIS_URL", "MAKELEVEL")
        }
        # The streams are the witness: nothing may be trimmed before it has been heard.
        return {
            **kept,
            "DATA_DIR": str(self.directory),
            "PORT": str(self.port),
            "STREAM_RETENTION_MINUTES": "600",
            "TIMESCALEDB_REQUIRED": "False",
            "PYTHONUNBUFFERED": "1",
            **{f"{name.upper()}_URL": url for name, url in self.servers.items()},
            **self.extra,
        }

    def start(self) -> None:
        """Returns when the stack says that it is ready.

        Raises:
            ChaosError: it does not.
        """
        self._child = subprocess.Popen(
            [sys.executable, "-m", "engagement_conductor.local_stack.stack", "--demo"],
            cwd=BASE_DIR,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        said: queue.Queue[str] = queue.Queue()
        self._reader = threading.Thread(target=self._read, args=(said,), daemon=True)
        self._reader.start()
        deadline = time.monotonic() + READY_SECONDS
        while not self.url:
            try:
                self._note(said.get(timeout=1))
            except queue.Empty:
                if time.monotonic() > deadline or self._child.poll() is not None:
                    lines = "\n".join(self.lines)
                    raise ChaosError(f"the stack is not ready:\n{lines}") from None

    def _read(self, said: "queue.Queue[str]") -> None:
        assert self._child.stdout is not None
        for line in self._child.stdout:
            self.lines.append(line.rstrip())
            said.put(line.rstrip())

    def _note(self, line: str) -> None:
        role, _, rest = line.partition(": ")
        if role in ("organizer", "admin"):
            name, password = rest.split()
            self.logins[role] = (name, password)
        elif role == "Ready":
            self.url, *servers = rest.split()
            said = dict(server.split("=", 1) for server in servers)
            # The password of a server that the stack was given is not said.
            self.servers = {
                name: self.extra.get(f"{name.upper()}_URL", url) for name, url in said.items()
            }

    def pid(self, name: str) -> int | None:
        """The process that the supervisor runs under a name; None while there is none."""
        for pid in self._children():
            try:
                command = Path(f"/proc/{pid}/cmdline").read_bytes()
            except OSError:
                continue
            if MARKS[name] in command:
                return pid
        return None

    def _children(self) -> list[int]:
        children: list[int] = []
        for task in Path(f"/proc/{self._child.pid}/task").iterdir():
            # A thread may end while one looks.
            with suppress(OSError):
                children += map(int, (task / "children").read_text().split())
        return children

    def kill(self, name: str) -> int:
        """``kill -9``; returns the process ID that is no more."""
        pid = self._required(name)
        os.kill(pid, signal.SIGKILL)
        return pid

    def signal_group(self, name: str, number: signal.Signals) -> None:
        """Signals a process with all that it has started."""
        os.killpg(self._required(name), number)

    def _required(self, name: str) -> int:
        pid = self.pid(name)
        if pid is None:
            raise ChaosError(f"{name} does not run:\n" + "\n".join(self.lines[-10:]))
        return pid

    def stop(self) -> None:
        """Ends everything, as Ctrl-C does.

        Raises:
            ChaosError: it does not end in time.
        """
        if self._child.poll() is None:
            self._child.send_signal(signal.SIGINT)
        try:
            self._child.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._child.kill()
            raise ChaosError(f"the stack did not stop within {STOP_SECONDS:g} s") from None
        finally:
            assert self._child.stdout is not None
            self._reader.join(STOP_SECONDS)
            self._child.stdout.close()


@contextmanager
def running_stack(directory: Path, extra: Mapping[str, str] | None = None) -> Iterator[StackRun]:
    """A stack that is ready; it is stopped when the block ends."""
    stack = StackRun(directory, extra or {})
    try:
        stack.start()
        yield stack
    finally:
        stack.stop()
