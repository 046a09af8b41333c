"""The guardian ends what its owner leaves behind, and is itself replaced when it dies."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil

from engagement_conductor.local_stack.guard import guard
from engagement_conductor.local_stack.processes import Launch
from engagement_conductor.local_stack.supervisor import Supervisor
from tests.waiting import wait_until

OWNER = """
import sys, time
from pathlib import Path
from engagement_conductor.local_stack.processes import Launch
from engagement_conductor.local_stack.supervisor import Supervisor
supervisor = Supervisor(Path(sys.argv[1]), print)
supervisor.start(Launch("sleeper", ["sleep", "60"]))
print(supervisor._supervised[0].process.pid, flush=True)
while True:
    supervisor.check()
    time.sleep(0.05)
"""


def test_a_killed_guardian_is_replaced_by_one_with_all_groups(tmp_path: Path) -> None:
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
    return [child for child in psutil.Process(owner).children() if is_guardian(child)]


def is_guardian(child: psutil.Process) -> bool:
    """Whether it is a live one; a killed one may go while it is looked at."""
    try:
        if child.status() == psutil.STATUS_ZOMBIE:
            return False
        return any(part.endswith("guardian.py") for part in child.cmdline())
    except psutil.NoSuchProcess:
        return False


def test_a_dead_guardian_stops_nothing(tmp_path: Path) -> None:
    supervisor = Supervisor(tmp_path, lambda line: None)
    supervisor.start(Launch("sleeper", ["sleep", "60"]))
    try:
        os.kill(guard._process.pid, signal.SIGKILL)
        supervisor.start(Launch("other", ["sleep", "60"]))
        supervisor.check()
        assert guard._process.poll() is None
    finally:
        supervisor.stop(1)
