"""Logs of this machine that cannot be written are reported to Redis."""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
import redis

from engagement_conductor.local_stack import log_losses, ports
from engagement_conductor.local_stack.log_losses import LogLossReporter
from sessions_app.telemetry.counters import read_counters
from sessions_app.telemetry.unwritten_logs import unwritten_logs

pytestmark = pytest.mark.integration


class Logs:
    """What a supervisor says of the logs that it keeps."""

    def __init__(self) -> None:
        self.lost: dict[str, int] = {"worker": 0}
        self.problems: dict[str, str] = {}

    def lost_lines(self) -> dict[str, int]:
        return dict(self.lost)

    def log_problems(self) -> dict[str, str]:
        return dict(self.problems)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    now = SimpleNamespace(seconds=1_000.0)
    monkeypatch.setattr(log_losses.time, "monotonic", lambda: now.seconds)
    return now


def lost(client: redis.Redis) -> float:
    return read_counters(client).get("lost_log_lines:worker", 0)


def test_lines_are_told_once_every_few_seconds(
    redis_client: redis.Redis, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    logs = Logs()
    losses = LogLossReporter(logs)
    logs.lost["worker"], logs.problems["worker"] = 3, "the disk is full"
    losses.report()
    assert lost(redis_client) == 3
    assert "the disk is full" in unwritten_logs(redis_client)[0]
    logs.lost["worker"] = 5
    clock.seconds += 4.9
    losses.report()
    assert lost(redis_client) == 3
    clock.seconds += 0.1
    losses.report()
    assert lost(redis_client) == 5


def test_what_redis_does_not_take_is_told_later(
    redis_client: redis.Redis, redis_url: str, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    logs = Logs()
    losses = LogLossReporter(logs)
    logs.lost["worker"] = 2
    for url in (f"redis://127.0.0.1:{ports.find_free()}", redis_url):
        monkeypatch.setenv("REDIS_URL", url)
        losses.report()
        clock.seconds += 5
    assert lost(redis_client) == 2


def test_nothing_is_asked_of_redis_when_all_is_written(
    clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("REDIS_URL")
    LogLossReporter(Logs()).report()
