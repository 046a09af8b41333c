"""Collectors that are held up for long: what others have claimed meanwhile is theirs."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
import redis

from sessions_app.ingest.collector import DELIVERY_MS, MESSAGE_LIFETIME_MS, Collector
from sessions_app.redis_access import keys
from sessions_app.redis_access.client import server_time_ms
from sessions_app.telemetry.counters import DROPPED_MESSAGES, read_counters
from sessions_app.ticks import TICK_MS, tick_at
from tests.pipeline import collect_all, collector, score_all, step_until, total
from tests.platform import chat, post, post_chat, publish, user
from tests.waiting import wait_until

pytestmark = [pytest.mark.integration, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def process(redis_url: str, tmp_path: Path, redis_client: redis.Redis) -> Iterator[psutil.Process]:
    """A collector's process that may be held up for a second."""
    module, exits = "tests.sessions_app.ingest.fragile_collector", str(tmp_path / "exits")
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
    monkeypatch.setattr("sessions_app.ingest.claims.CLAIM_IDLE_MS", 0)
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
    monkeypatch.setattr("sessions_app.ingest.collector.server_time_ms", lambda _: later)


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
    assert read_counters(redis_client)[DROPPED_MESSAGES] == 5


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


def react(client: redis.Redis, first: int, count: int) -> None:
    for number in range(first, first + count):
        publish(client, keys.SYNC_EVENTS, user("reaction", f"u{number}"))


def pass_lease_on(client: redis.Redis) -> None:
    """As time does when nobody renews it."""
    client.delete(keys.SUBSCRIBER_LEASE)


@pytest.mark.parametrize("is_back", [False, True], ids=["another has it", "it is free again"])
def test_what_is_published_after_the_lease_ran_out_is_counted_by_one(
    redis_client: redis.Redis, monkeypatch: pytest.MonkeyPatch, is_back: bool
) -> None:
    monkeypatch.setattr("sessions_app.ingest.collector.LEASE_MS", 600)
    with collector("first") as first, collector("second") as second:
        step_until(first, lambda: first.subscriber.subscribed)
        react(redis_client, 0, 5)
        wait_until(lambda: sum(m.channel >= 0 for m in first.subscriber._queue) == 5)
        # Held up: its thread goes on, and its lease runs out.
        time.sleep(0.7)
        pass_lease_on(redis_client)
        second._lease_due = 0.0
        step_until(second, lambda: second.subscriber.subscribed)
        react(redis_client, 5, 7)
        step_until(second, lambda: second._report.collected == 7)
        if is_back:
            second.subscriber.stop()
            pass_lease_on(redis_client)
        first._lease_due = 0.0
        step_until(first, lambda: first._report.collected == 5)
        if is_back:
            step_until(first, lambda: first.subscriber.subscribed)
            react(redis_client, 12, 2)
            step_until(first, lambda: first._report.collected == 7)
        assert first.subscriber.interruptions == 1, "it has left as soon as the lease ran out"
    score_all(redis_client, tick_at(server_time_ms(redis_client)))
    assert total("reaction_count") == (14 if is_back else 12)


def test_a_process_that_was_frozen_counts_nothing_that_was_published_meanwhile(
    redis_client: redis.Redis, process: psutil.Process
) -> None:
    wait_until(lambda: redis_client.pubsub_numsub(keys.SYNC_EVENTS)[0][1] == 1)
    process.send_signal(signal.SIGSTOP)
    with collector("heir") as heir:
        step_until(heir, lambda: heir.subscriber.subscribed)
        react(redis_client, 0, 10)
        step_until(heir, lambda: heir._report.collected == 10)
        before = server_time_ms(redis_client)
        process.send_signal(signal.SIGCONT)
        wait_until(lambda: (redis_client.zscore(keys.COLLECTORS, "frozen") or 0) > before + 500)
    process.parent().terminate()
    wait_until(lambda: redis_client.zscore(keys.COLLECTORS, "frozen") is None)
    score_all(redis_client, tick_at(server_time_ms(redis_client)))
    assert total("reaction_count") == 10
    assert 1 <= read_counters(redis_client)[DROPPED_MESSAGES] <= 10


def test_the_lease_is_renewed_while_what_is_held_cannot_be_handed_on(
    redis_client: redis.Redis, holding: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> None:
        raise redis.ConnectionError("a node is away")

    with monkeypatch.context() as patch:
        patch.setattr(holding, "_deliver", away)
        patch.setattr("sessions_app.ingest.collector.STATUS_SECONDS", 0.0)
        for _ in range(3):
            redis_client.pexpire(keys.SUBSCRIBER_LEASE, 300)
            holding._lease_due = 0.0
            with pytest.raises(redis.ConnectionError):
                holding.step()
            assert redis_client.pttl(keys.SUBSCRIBER_LEASE) > 1_000
        patch.setattr("sessions_app.ingest.collector.create_groups", away)
        redis_client.pexpire(keys.SUBSCRIBER_LEASE, 300)
        with pytest.raises(redis.ConnectionError):
            holding.start()
        assert redis_client.pttl(keys.SUBSCRIBER_LEASE) > 1_000
    collect_all(redis_client, holding)
    score_all(redis_client, tick_at(server_time_ms(redis_client)))
    assert total("chat_count") == 15
