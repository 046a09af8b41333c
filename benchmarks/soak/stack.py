"""The product as started by ``make up``, with its own servers and data folder."""

import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import psutil

from engagement_conductor.configuration.env import BASE_DIR
from engagement_conductor.local_stack import ports

STOP_SECONDS = 60.0
# Words in the command line that identify the processes of the stack.
KINDS = {
    "web": "web_server",
    "collector": "collect_events",
    "worker": "engagement_conductor worker",
    "beat": "engagement_conductor beat",
    "postgresql": "postgres",
    "valkey": "valkey-server",
}
SUPERVISOR = "supervisor"


class Usage(NamedTuple):
    """Total resource usage of the processes of a kind.

    Attributes:
        memory: unshared bytes.
        cpu_seconds: since their start, including children that have exited.
    """

    memory: int
    cpu_seconds: float


class Stack:
    """A running stack.

    Attributes:
        port: port of its web server.
        redis_url, database_url: addresses of its servers.
    """

    def __init__(self, process: "subprocess.Popen[str]", port: int, ready: str) -> None:
        words = dict(word.split("=", 1) for word in ready.split() if "=" in word)
        self.port = port
        self.redis_url, self.database_url = words["redis"], words["database"]
        self._root = psutil.Process(process.pid)
        self._lines: list[str] = []
        threading.Thread(target=self._listen, args=(process,), daemon=True).start()

    @property
    def restarts(self) -> list[str]:
        """The supervisor's lines about processes that exited and were restarted."""
        return [line.strip() for line in self._lines if "Starting it again" in line]

    def _listen(self, process: "subprocess.Popen[str]") -> None:
        assert process.stdout is not None
        for line in process.stdout:
            self._lines.append(line)

    def usage(self) -> dict[str, Usage]:
        """Usage by kind of process."""
        found: dict[str, Usage] = {}
        for process in [self._root, *self._root.children(recursive=True)]:
            # Database backends come and go.
            with suppress(psutil.NoSuchProcess, psutil.ZombieProcess):
                kind = _kind(process)
                memory, cpu = process.memory_full_info().uss, sum(process.cpu_times()[:4])
                before = found.get(kind, Usage(0, 0.0))
                found[kind] = Usage(before.memory + memory, before.cpu_seconds + cpu)
        return found


@contextmanager
def running_stack(retention_minutes: int) -> Iterator[Stack]:
    """Runs the stack until the block ends, and removes all of its data.

    Args:
        retention_minutes: retention of stream entries.

    Raises:
        RuntimeError: it does not start.
    """
    (BASE_DIR / ".data").mkdir(exist_ok=True)
    port = ports.find_free()
    with tempfile.TemporaryDirectory(prefix="soak-", dir=BASE_DIR / ".data") as folder:
        # This process reads the stack's database itself, so it needs the same settings.
        for name in ("DATABASE_URL", "REDIS_URL"):
            os.environ.pop(name, None)
        os.environ |= {"DATA_DIR": folder, "PORT": str(port)}
        os.environ["STREAM_RETENTION_MINUTES"] = str(retention_minutes)
        process = _start()
        try:
            stack = Stack(process, port, _wait_until_ready(process))
            os.environ |= {"DATABASE_URL": stack.database_url, "REDIS_URL": stack.redis_url}
            yield stack
        finally:
            process.terminate()
            process.wait(STOP_SECONDS)


def _start() -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "engagement_conductor.local_stack.stack"]
    environment = {name: value for name, value in os.environ.items() if name != "MAKELEVEL"}
    return subprocess.Popen(
        command, cwd=Path(BASE_DIR), env=environment, stdout=subprocess.PIPE, text=True
    )


def _wait_until_ready(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("Ready:"):
            return line
    raise RuntimeError("The stack did not start; see above.")


def _kind(process: psutil.Process) -> str:
    command = " ".join(process.cmdline()) or process.name()
    return next((kind for kind, word in KINDS.items() if word in command), SUPERVISOR)
