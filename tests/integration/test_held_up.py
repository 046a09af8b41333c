"""Collectors that are held up for long: what others have claimed meanwhile is theirs."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
import redis

from sessions_app import keys
from sessions_app.collector import DELIVERY_MS, MESSAGE_LIFETIME_MS, Collector
from sessions_app.figures import DROPPED_MESSAGES, read_figures
from sessions_app.streams import server_time_ms
from sessions_app.ticks import TICK_MS, tick_at
from tests.pipeline import collect_all, collector, score_all, step_until, total
from tests.platform import chat, post, post_chat, publish, user

pytestmark = [pytest.mark.integration, pytest.mark.django_db(transaction=True)]

PATIENCE_SECONDS = 120


def wait_until(condition: Callable[[], bool]) -> None:
    give_up_at = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < give_up_at
        time.sleep(0.01)


@pytest.fixture
def process(redis_url: str, tmp_path: Path, redis_client: redis.Redis) -> Iterator[psutil.Process]:
    """A collector's process that may be held up for a second."""
    module, exits = "tests.integration.fragile_collector", str(tmp_path / "exits")
    program = [sys.executable, "-m", module, exits, "500", "", "frozen"]
    environment = {**os.environ, "REDIS_URL": redis_url, "DELIVERY_MS": "1000"}
    with (tmp_path / "log").open("wb") as log:
        started = subprocess.Popen(program, env=environment, stdout=log, stderr=log)
    wait_until(lambda: redis_client.zscore(keys.COLLECTORS, "frozen") is not None)
    (frozen,) = psutil.Process(started.pid).children()
    yield frozen
    started.kill()
    with suppress(psutil.NoSuchProcess):
        frozen.kill()
    started.wait()


def pending_of_frozen(client: redis.Redis) -> int:
    summary = client.xpending(keys.SYNC_EVENTS, keys.CONSUMER_GROUP)
    return sum(row["pending"] for row in summary["consumers"] if row["name"] == b"frozen")


def freeze_with_entries(client: redis.Redis, process: psutil.Process) -> int:
    """Stops it while it waits for entries, so that it is given some; returns how many."""
    for _ in range(50):
        process.send_signal(signal.SIGSTOP)
        with client.pipeline() as pipeline:
            for number in range(10):
                pipeline.xadd(
                    keys.SYNC_EVENTS,
                    {"data": b'{"type":"reaction","sessionId":"s1","userId":"u%d"}' % number},
                )
            pipeline.execute()
        time.sleep(0.05)
        if pending_of_frozen(client):
            return client.xlen(keys.SYNC_EVENTS)
        process.send_signal(signal.SIGCONT)
        time.sleep(0.1)
    raise AssertionError("it never waited for entries")


def test_a_process_that_was_frozen_delivers_nothing_that_another_has_handed_on(
    redis_client: redis.Redis,
    process: psutil.Process,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    posted = freeze_with_entries(redis_client, process)
    monkeypatch.setattr("sessions_app.recovery.CLAIM_IDLE_MS", 0)
    with collector("heir") as heir:
        collect_all(redis_client, heir)
    tick = tick_at(server_time_ms(redis_client))
    score_all(redis_client, tick)
    assert total("reaction_count") == posted
    # Nobody remembers what was counted by the time that it goes on.
    for shard in range(keys.SHARD_COUNT):
        for key in redis_client.scan_iter(f"engagement:{{{shard}}}:arrivals:*"):
            redis_client.delete(key)
    time.sleep(1)
    before = server_time_ms(redis_client)
    process.send_signal(signal.SIGCONT)
    wait_until(lambda: (redis_client.zscore(keys.COLLECTORS, "frozen") or 0) > before)
    process.parent().terminate()
    wait_until(lambda: redis_client.zscore(keys.COLLECTORS, "frozen") is None)
    score_all(redis_client, tick + 2)
    assert total("reaction_count") == posted


@pytest.fixture
def holding(redis_client: redis.Redis) -> Iterator[Collector]:
    """A collector that holds ten entries and five messages, and has delivered neither."""
    with collector("holding") as running:
        step_until(running, lambda: running.subscriber.subscribed)
        for number in range(5):
            publish(redis_client, keys.CHAT_MESSAGE, chat(f"published-{number}"))
        wait_until(lambda: len(running.subscriber) >= 5)
        post_chat(redis_client, 0, 10)
        running._held_since_ms = server_time_ms(redis_client)
        running._held = running._receive()
        assert sum(map(len, running._held)) == 15
        running._delivered = False
        yield running


def hold_up(monkeypatch: pytest.MonkeyPatch, client: redis.Redis, milliseconds: int) -> None:
    """Lets the server's clock show a later time at the next delivery."""
    later = server_time_ms(client) + milliseconds
    monkeypatch.setattr("sessions_app.collector.server_time_ms", lambda _: later)


def test_after_a_minute_entries_are_read_again_and_messages_delivered(
    redis_client: redis.Redis, holding: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as clock:
        hold_up(clock, redis_client, DELIVERY_MS + 1_000)
        assert holding.step() == 5
    pending = redis_client.xpending(keys.CHAT_MESSAGE, keys.CONSUMER_GROUP)["pending"]
    assert pending == 10
    collect_all(redis_client, holding)
    score_all(redis_client, tick_at(server_time_ms(redis_client)))
    assert total("chat_count") == 15


def test_messages_that_are_too_old_to_count_are_dropped_and_counted(
    redis_client: redis.Redis, holding: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as clock:
        hold_up(clock, redis_client, MESSAGE_LIFETIME_MS + TICK_MS)
        assert holding.step() == 0
    collect_all(redis_client, holding)
    score_all(redis_client, tick_at(server_time_ms(redis_client)))
    assert total("chat_count") == 10
    holding._report.publish()
    assert read_figures(redis_client)[DROPPED_MESSAGES] == 5


def test_what_is_held_up_for_less_is_delivered(
    redis_client: redis.Redis, holding: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as clock:
        hold_up(clock, redis_client, DELIVERY_MS - 10_000)
        assert holding.step() == 15
    post(redis_client, keys.SYNC_EVENTS, user("user_join"))
    collect_all(redis_client, holding)
    score_all(redis_client, tick_at(server_time_ms(redis_client)))
    assert total("chat_count") == 15
