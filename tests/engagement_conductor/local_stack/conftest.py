"""The stack as a user starts it, on servers and a data folder of its own."""

import os
import re
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from django.conf import settings

from engagement_conductor.local_stack import ports

OURS = {
    "DATABASE_URL",
    "REDIS_URL",
    "PUBLIC_URL",
    "MAKELEVEL",
    "STREAM_RETENTION_MINUTES",
    "TIMESCALEDB_REQUIRED",
}
START_SECONDS = 90


class RunningStack:
    """A stack process and the lines that it has printed."""

    def __init__(self, data_dir: Path, *arguments: str, **variables: str) -> None:
        self.data_dir = data_dir
        self.port = ports.find_free()
        clean = {name: value for name, value in os.environ.items() if name not in OURS}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "engagement_conductor.local_stack.stack", *arguments],
            cwd=settings.BASE_DIR,
            env={**clean, "DATA_DIR": str(data_dir), "PORT": str(self.port), **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        with self.process.stdout as output:
            for line in output:
                self.lines.append(line)

    def wait_for_line(self, pattern: str, count: int = 1) -> re.Match[str]:
        """The last of ``count`` lines that match."""
        give_up_at = time.monotonic() + START_SECONDS
        while time.monotonic() < give_up_at:
            found = [match for line in self.lines if (match := re.search(pattern, line))]
            if len(found) >= count:
                return found[-1]
            assert self.process.poll() is None, "".join(self.lines)
            time.sleep(0.05)
        raise AssertionError("".join(self.lines))

    def wait(self) -> tuple[int, str]:
        """Exit code and output, once it has ended."""
        code = self.process.wait(START_SECONDS)
        self._reader.join()
        return code, "".join(self.lines)

    def processes(self) -> list[psutil.Process]:
        """Every process that has to do with this data folder, at any depth."""
        return [process for process in psutil.process_iter() if self._owns(process)]

    def _owns(self, process: psutil.Process) -> bool:
        try:
            if process.status() == psutil.STATUS_ZOMBIE:
                return False
            if process.environ().get("DATA_DIR") == str(self.data_dir):
                return True
            # Servers write their title over their environment, but work in the folder.
            return Path(process.cwd()).is_relative_to(self.data_dir)
        except psutil.Error:
            return False

    def kill_all(self) -> None:
        for process in self.processes():
            with suppress(psutil.NoSuchProcess):
                process.kill()
        self.process.kill()
        self.process.wait()
        self._reader.join()


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    return tmp_path_factory.mktemp("data")


@pytest.fixture
def start(tmp_path):
    """Starts stacks, and leaves nothing of them behind."""
    stacks: list[RunningStack] = []

    def start_stack(*arguments: str, data_dir: Path = tmp_path / "data", **variables: str):
        stacks.append(RunningStack(data_dir, *arguments, **variables))
        return stacks[-1]

    yield start_stack
    for stack in stacks:
        stack.kill_all()
