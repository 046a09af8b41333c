"""Whoever dies leaves no process behind: a guardian ends what is left."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from engagement_conductor.local_stack import log_losses as log_losses
from engagement_conductor.local_stack.processes import Launch, guard
from engagement_conductor.local_stack.supervisor import Supervisor
from engagement_conductor.logs import files
from tests.engagement_conductor.local_stack.test_supervisor import said, wait_until

OWNER = """
import sys, time
from pathlib import Path
from engagement_conductor.local_stack.processes import Launch
from engagement_conductor.local_stack.supervisor import Supervisor
kept = Supervisor(Path(sys.argv[1]), print)
kept.start(Launch("sleeper", ["sleep", "60"]))
print(kept._kept[0].process.pid, flush=True)
while True:
    kept.tend()
    time.sleep(0.05)
"""


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Supervisor]:
    """A supervisor whose log of ``talker`` cannot be written."""
    monkeypatch.setattr(files, "RETRY_SECONDS", 0.05)
    (tmp_path / "talker.log").mkdir()
    supervisor = Supervisor(tmp_path, said.append)
    said.clear()
    yield supervisor
    supervisor.stop(1)


def test_a_guardian_that_was_killed_is_replaced_by_one_that_knows_all(tmp_path: Path) -> None:
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    with owner:
        sleeper = int(owner.stdout.readline())
        [guardian] = guardians(owner.pid)
        guardian.kill()
        wait_until(lambda: [each for each in guardians(owner.pid) if each.pid != guardian.pid])
        time.sleep(0.2)
        owner.kill()
        owner.wait()
    wait_until(lambda: not psutil.pid_exists(sleeper))


def guardians(owner: int) -> list[psutil.Process]:
    return [
        child
        for child in psutil.Process(owner).children()
        if child.status() != psutil.STATUS_ZOMBIE
        and any(part.endswith("guardian.py") for part in child.cmdline())
    ]


def test_a_guardian_that_cannot_be_told_is_no_reason_to_stop(tmp_path: Path) -> None:
    kept = Supervisor(tmp_path, lambda line: None)
    kept.start(Launch("sleeper", ["sleep", "60"]))
    try:
        os.kill(guard._process.pid, signal.SIGKILL)
        kept.start(Launch("other", ["sleep", "60"]))
        kept.tend()
        assert guard._process.poll() is None
    finally:
        kept.stop(1)
