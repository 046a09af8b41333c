"""The product as ``make up`` starts it, on servers and a data folder of its own."""

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
# What tells a process of the stack from the others, in its command line.
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
    """What the processes of a kind use together.

    Attributes:
        memory: bytes that nobody else shares.
        cpu_seconds: since they began, with what their children used that have ended.
    """

    memory: int
    cpu_seconds: float


class Stack:
    """A running stack.

    Attributes:
        port: of its web server.
        redis_url, database_url: of its servers.
    """

    def __init__(self, process: "subprocess.Popen[str]", port: int, ready: str) -> None:
        words = dict(word.split("=", 1) for word in ready.split() if "=" in word)
        self.port = port
        self.redis_url, self.database_url = words["redis"], words["database"]
        self._root = psutil.Process(process.pid)
        self._told: list[str] = []
        threading.Thread(target=self._listen, args=(process,), daemon=True).start()

    @property
    def restarts(self) -> list[str]:
        """What the supervisor said of processes that ended and were started again."""
        return [line.strip() for line in self._told if "again" in line]

    def _listen(self, process: "subprocess.Popen[str]") -> None:
        assert process.stdout is not None
        for line in process.stdout:
            self._told.append(line)

    def usage(self) -> dict[str, Usage]:
        """By kind of process."""
        found: dict[str, Usage] = {}
        for process in [self._root, *self._root.children(recursive=True)]:
            # Backends of the database come and go.
            with suppress(psutil.NoSuchProcess, psutil.ZombieProcess):
                kind = _kind(process)
                memory, cpu = process.memory_full_info().uss, sum(process.cpu_times()[:4])
                before = found.get(kind, Usage(0, 0.0))
                found[kind] = Usage(before.memory + memory, before.cpu_seconds + cpu)
        return found


@contextmanager
def running_stack(retention_minutes: int) -> Iterator[Stack]:
    """The stack until the block ends; afterwards nothing of it is left.

    Args:
        retention_minutes: for how long the streams keep their entries.

    Raises:
        RuntimeError: it does not start.
    """
    (BASE_DIR / ".data").mkdir(exist_ok=True)
    port = ports.find_free()
    with tempfile.TemporaryDirectory(prefix="soak-", dir=BASE_DIR / ".data") as folder:
        # This process becomes a part of the product, too: it reads the database.
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
    raise RuntimeError("The stack does not start; see above.")


def _kind(process: psutil.Process) -> str:
    command = " ".join(process.cmdline()) or process.name()
    return next((kind for kind, word in KINDS.items() if word in command), SUPERVISOR)
