"""What the guardian is told, and how it ends what its owner has left behind."""

import signal
import subprocess
import sys

import pytest

from engagement_conductor.local_stack import guardian

STUBBORN = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("ready", flush=True)
time.sleep(60)
"""


def test_it_knows_the_groups_that_were_added_and_not_removed() -> None:
    groups: dict[int, int] = {}
    for line in ("+12 15\n", "+13 2\n", "-12\n", "-14\n", "+13 15\n"):
        guardian.update(groups, line)
    assert groups == {13: 15}


def test_whoever_does_not_stop_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guardian, "GRACE_SECONDS", 0.2)
    with subprocess.Popen(
        [sys.executable, "-c", STUBBORN], stdout=subprocess.PIPE, start_new_session=True
    ) as stubborn:
        assert stubborn.stdout.readline() == b"ready\n"
        guardian.end({stubborn.pid: signal.SIGTERM})
        assert stubborn.wait(5) == -signal.SIGKILL


def test_a_group_that_has_gone_is_not_there() -> None:
    with subprocess.Popen(["true"], start_new_session=True) as gone:
        gone.wait()
    assert not guardian.send(gone.pid, 0)
    guardian.end({gone.pid: signal.SIGTERM})
