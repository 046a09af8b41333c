"""Shards that are away while the streams answer: what was read waits, and nothing is given up."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from typing import Any

import pytest
import redis
from redis.cluster import RedisCluster

from sessions_app.ingest.claims import MAXIMUM_DELIVERIES
from sessions_app.ingest.collector import Collector
from sessions_app.redis_access import keys
from sessions_app.redis_access.client import server_time_ms
from tests.pipeline import collect_all, collector
from tests.platform import chat, post

pytestmark = pytest.mark.integration

# No more than one read.
CHAT = 12
MANY = MAXIMUM_DELIVERIES + 1
ALL = ("~*",)
ALL_BUT_SHARDS = ("~platform.*", "~sync-events", "~engagement:[^{]*")


@pytest.fixture
def events(empty_events: Any) -> Iterator[Any]:
    yield empty_events
    let_write(empty_events, ALL)


def let_write(events: Any, patterns: tuple[str, ...]) -> None:
    """Lets everybody write to keys of these patterns only."""
    nodes = [events]
    if isinstance(events, RedisCluster):
        nodes = [events.get_redis_connection(node) for node in events.get_primaries()]
    for node in nodes:
        node.execute_command("ACL", "SETUSER", "default", "resetkeys", "%R~*", *patterns)


@pytest.fixture
def collectors(events: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Collector]]:
    monkeypatch.setattr("sessions_app.ingest.claims.CLAIM_IDLE_MS", 10)
    with ExitStack() as stack:
        yield [stack.enter_context(collector(f"c{number}")) for number in range(MANY)]


def let_work(running: Collector) -> None:
    """A few steps, as the command takes them, whatever Redis says."""
    with suppress(redis.RedisError):
        running.start()
        for _ in range(3):
            running.step()


def deliveries(events: Any) -> list[int]:
    pending = events.xpending_range(keys.CHAT_MESSAGE, keys.CONSUMER_GROUP, "-", "+", 1_000)
    return [entry["times_delivered"] for entry in pending]


def outlast(events: Any, collectors: list[Collector], between: Callable[[Collector], None]) -> None:
    """Has entries read, and every collector try its best while no shard takes anything."""
    for number in range(CHAT):
        post(events, keys.CHAT_MESSAGE, chat(f"m{number}", session=f"s{number}"))
    let_write(events, ALL_BUT_SHARDS)
    for _ in range(2):
        for running in collectors:
            let_work(running)
            between(running)
            time.sleep(0.02)
    assert deliveries(events) == [1] * CHAT
    let_write(events, ALL)


def assert_all_are_delivered(events: Any, client: redis.Redis, collectors: list[Collector]) -> None:
    for running in collectors:
        let_work(running)
    collect_all(events, collectors[-1])
    totals = client.hgetall(keys.COLLECTOR_TOTALS)
    assert b"given_up" not in totals
    blocks = [*events.scan_iter("engagement:{*}:arrivals:*")]
    assert {int(key.split(b"{")[1].split(b"}")[0]) for key in blocks} == {
        keys.shard_of(f"s{number}") for number in range(CHAT)
    }


def test_collectors_do_not_take_entries_from_each_other(
    events: Any, collectors: list[Collector], redis_client: redis.Redis
) -> None:
    outlast(events, collectors, lambda running: None)
    assert_all_are_delivered(events, redis_client, collectors)


def test_one_that_holds_them_for_over_a_minute_takes_them_again_only_to_deliver(
    events: Any, collectors: list[Collector], redis_client: redis.Redis
) -> None:
    def age(running: Collector) -> None:
        running._held_since_ms = server_time_ms(redis_client) - 120_000

    outlast(events, collectors[:1], age)
    assert_all_are_delivered(events, redis_client, collectors[:1])
