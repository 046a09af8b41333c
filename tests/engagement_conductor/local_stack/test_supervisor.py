"""The supervisor restarts what ends, and reports logs that cannot be written."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis

from engagement_conductor.local_stack import log_losses, supervisor
from engagement_conductor.local_stack.log_losses import LogLossReporter
from engagement_conductor.local_stack.processes import Launch
from engagement_conductor.local_stack.supervisor import Supervisor
from engagement_conductor.logs import files
from sessions_app.telemetry import counters
from sessions_app.telemetry.unwritten_logs import unwritten_logs
from tests.waiting import wait_until

CHATTER = "import time\nwhile True:\n    print('x' * 1000, flush=True)\n    time.sleep(0.001)"


@pytest.mark.integration
def test_a_log_that_cannot_be_written_is_reported_and_counted(
    tmp_path: Path, redis_client: "redis.Redis", redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "RETRY_SECONDS", 0.05)
    monkeypatch.setattr(files, "MAX_WAITING_BYTES", 20_000)
    monkeypatch.setattr(supervisor, "REPORT_SECONDS", 0.2)
    monkeypatch.setattr(log_losses, "INTERVAL_SECONDS", 0.1)
    monkeypatch.setenv("REDIS_URL", redis_url)
    logs, said = tmp_path / "logs", []
    logs.write_text("not a folder")
    kept = Supervisor(logs, said.append)
    losses = LogLossReporter(kept)

    def turn(condition: Callable[[], object]) -> None:
        def checked() -> object:
            kept.check()
            losses.report()
            return condition()

        wait_until(checked)

    kept.start(Launch("chatter", [sys.executable, "-c", CHATTER]))
    try:
        lost = counters.named(counters.LOST_LOG_LINES, "chatter")
        turn(lambda: counters.read_counters(redis_client).get(lost))
        [problem] = unwritten_logs(redis_client)
        assert problem.startswith("chatter on ")
        assert problem.endswith(": File exists")
        turn(lambda: any("cannot be written (File exists)" in line for line in said))
        logs.unlink()
        turn(lambda: any("The log of chatter is being written again" in line for line in said))
        total = kept.lost_lines()["chatter"]
        turn(lambda: counters.read_counters(redis_client)[lost] == total)
        assert len(said) < 60
    finally:
        kept.stop(1)


LAST_WORDS = """
import os, time
for number in range(500):
    print("last words", number)
raise SystemExit("gone")
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


said: list[str] = []


def test_last_words_wait_for_the_disk(kept: Supervisor, tmp_path: Path) -> None:
    kept.start(Launch("talker", [sys.executable, "-c", LAST_WORDS]))

    def ended(times: int) -> bool:
        kept.check()
        return sum("ended (exit code 1)" in line for line in said) >= times

    wait_until(lambda: ended(2))
    # The problem lasts across restarts, and no line is lost.
    assert kept.log_problems() == {"talker": "Is a directory"}
    assert kept.lost_lines() == {"talker": 0}
    log = tmp_path / "talker.log"
    log.rmdir()
    wait_until(lambda: log.is_file() and log.read_text().count("gone\n") >= 2)
    assert log.read_text().count("last words") >= 1_000
    wait_until(lambda: kept.log_problems() == {})


def test_last_words_that_are_never_written_are_counted(kept: Supervisor) -> None:
    """Even if a child of the process still holds the pipe."""
    script = "import os\nif os.fork() == 0:\n    os.setsid(); os.execlp('sleep', 'sleep', '2')\n"
    kept.start(Launch("talker", [sys.executable, "-c", script + LAST_WORDS]))
    wait_until(lambda: kept.check() or any("ended (exit code 1)" in line for line in said))
    wait_until(lambda: kept.log_problems())
    kept.stop(1)
    [told] = [line for line in said if "lines are missing" in line]
    assert "cannot be written (Is a directory); 501 more lines are missing" in told
