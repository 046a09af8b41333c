"""What a collector tells of itself, and what of its losses."""

import logging
from types import SimpleNamespace
from typing import Any

import pytest
import redis

from sessions_app.ingest import collector_report
from sessions_app.ingest.collector_report import CollectorReport
from sessions_app.redis_access import keys
from sessions_app.telemetry.counters import read_counters
from sessions_app.telemetry.once_a_minute import OnceAMinute

pytestmark = pytest.mark.integration


class Queue:
    """The queue of messages that a collector holds."""

    running = True
    queued_bytes = 1_000
    interruptions = 0
    overflows = 0

    def __len__(self) -> int:
        return 4


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Any:
    now = SimpleNamespace(seconds=1_000.0)
    monkeypatch.setattr(collector_report.time, "monotonic", lambda: now.seconds)
    return now


def told(client: redis.Redis) -> dict[str, float]:
    fields = client.hgetall(keys.collector_status("c1"))
    return {name.decode(): float(value) for name, value in fields.items()}


def test_a_status_has_a_rate_and_goes_with_its_collector(
    redis_client: redis.Redis, clock: Any
) -> None:
    report = CollectorReport(redis_client, "c1", Queue())
    report.collected = 50
    clock.seconds += 5
    report.publish()
    assert told(redis_client)["events_per_second"] == 10
    report.collected = 80
    clock.seconds += 2
    report.publish()
    status = told(redis_client)
    assert (status["events"], status["events_per_second"]) == (80, 15)
    assert (status["queued_messages"], status["queued_bytes"], status["subscriber"]) == (4, 1000, 1)
    assert 0 < redis_client.ttl(keys.collector_status("c1")) <= 30


def test_losses_are_counted_once(redis_client: redis.Redis, clock: Any) -> None:
    queue = Queue()
    report = CollectorReport(redis_client, "c1", queue)
    queue.overflows, report.discarded, report.too_late, queue.interruptions = 2, 3, 4, 1
    report.publish()
    report.publish()
    expected = {"dropped_messages": 5, "too_late": 4, "subscription_breaks": 1}
    assert read_counters(redis_client) == expected
    report.too_late += 1
    report.publish()
    assert read_counters(redis_client) == {**expected, "too_late": 5}


def test_what_redis_did_not_take_is_told_the_next_time(
    redis_client: redis.Redis, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = CollectorReport(redis_client, "c1", Queue())
    report.too_late = 3
    with monkeypatch.context() as patch:
        patch.setattr(report, "_client", redis.Redis(port=1))
        with pytest.raises(redis.ConnectionError):
            report.publish()
    report.publish()
    assert read_counters(redis_client) == {"too_late": 3}


def test_drops_are_said_for_a_minute_and_logged_once_in_it(
    redis_client: redis.Redis,
    clock: Any,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    report = CollectorReport(redis_client, "c1", Queue())
    monkeypatch.setattr(report, "_lines", OnceAMinute(clock=lambda: clock.seconds))
    with caplog.at_level(logging.WARNING):
        said = []
        for seconds, drops in ((0, 1), (30, 1), (29, 0), (2, 1), (59, 0), (2, 0)):
            clock.seconds += seconds
            report.discarded += drops
            report.publish()
            said.append(told(redis_client)["drops_messages"])
    assert said == [1, 1, 1, 1, 1, 0]
    lines = [record.getMessage() for record in caplog.records]
    assert [line[:9] for line in lines] == ["Dropped 1", "Dropped 2"]
