"""The product as run by ``make demo``, on its own data folder, with its supervisor."""

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
# Parts of command lines that identify the processes.
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
    """The product did not behave as required; the message says how."""


def wait_for(condition: Callable[[], object], what: str, seconds: float) -> float:
    """Waits until ``condition()`` is true; returns the seconds that took.

    Raises:
        ChaosError: it was not true within ``seconds``.
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
        extra: additional environment variables.

    Attributes:
        url: URL of the pages.
        logins: name and password by role.
        servers: URLs by name, ``redis`` and ``database``.
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
        """The environment of the stack, also for additional processes."""
        kept = {
            name: value
            for name, value in os.environ.items()
            if name not in ("DATABASE_URL", "REDIS_URL", "MAKELEVEL")
        }
        # The streams are the ground truth: nothing may be trimmed before the comparison.
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
        """Returns when the stack reports that it is ready.

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
        output: queue.Queue[str] = queue.Queue()
        self._reader = threading.Thread(target=self._read, args=(output,), daemon=True)
        self._reader.start()
        deadline = time.monotonic() + READY_SECONDS
        while not self.url:
            try:
                self._note(output.get(timeout=1))
            except queue.Empty:
                if time.monotonic() > deadline or self._child.poll() is not None:
                    lines = "\n".join(self.lines)
                    raise ChaosError(f"the stack is not ready:\n{lines}") from None

    def _read(self, output: "queue.Queue[str]") -> None:
        assert self._child.stdout is not None
        for line in self._child.stdout:
            self.lines.append(line.rstrip())
            output.put(line.rstrip())

    def _note(self, line: str) -> None:
        role, _, rest = line.partition(": ")
        if role in ("organizer", "admin"):
            name, password = rest.split()
            self.logins[role] = (name, password)
        elif role == "Ready":
            self.url, *servers = rest.split()
            shown = dict(server.split("=", 1) for server in servers)
            # The stack does not print the passwords of external servers.
            self.servers = {
                name: self.extra.get(f"{name.upper()}_URL", url) for name, url in shown.items()
            }

    def pid(self, name: str) -> int | None:
        """The ID of the process that the supervisor runs under a name; None if there is none."""
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
            # A thread may end meanwhile.
            with suppress(OSError):
                children += map(int, (task / "children").read_text().split())
        return children

    def kill(self, name: str) -> int:
        """Kills a process with ``kill -9``; returns its process ID."""
        pid = self._required(name)
        os.kill(pid, signal.SIGKILL)
        return pid

    def signal_group(self, name: str, number: signal.Signals) -> None:
        """Signals a process and its children."""
        os.killpg(self._required(name), number)

    def _required(self, name: str) -> int:
        pid = self.pid(name)
        if pid is None:
            raise ChaosError(f"{name} is not running:\n" + "\n".join(self.lines[-10:]))
        return pid

    def stop(self) -> None:
        """Stops everything, like Ctrl-C.

        Raises:
            ChaosError: it does not stop in time.
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
    """A ready stack, stopped when the block ends."""
    stack = StackRun(directory, extra or {})
    try:
        stack.start()
        yield stack
    finally:
        stack.stop()
