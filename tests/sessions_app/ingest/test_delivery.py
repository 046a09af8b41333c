"""From collectors to scorers: what comes late, and what comes too late."""

from collections.abc import Callable

import pytest
import redis

from sessions_app.ingest.collector import Collector
from sessions_app.ingest.delivery import RETENTION_SECONDS
from sessions_app.redis_access import keys
from sessions_app.redis_access.client import connect, server_time_ms
from sessions_app.telemetry.counters import TOO_LATE, read_counters
from sessions_app.ticks import TICK_MS, TICK_SECONDS, tick_at
from tests.integration.test_entry_ids import SHARD, wait_for_claims
from tests.pipeline import (
    collect,
    collect_all,
    collector,
    now_tick,
    rows,
    score_all,
    score_shard,
    start_of,
    step_until,
    total,
)
from tests.platform import chat, post, user

pytestmark = [pytest.mark.integration, pytest.mark.django_db(transaction=True)]


def test_a_frozen_collector_that_wakes_up_late_doubles_nothing(redis_client: redis.Redis) -> None:
    start = (now_tick(redis_client) - 5) * TICK_MS
    for number in range(10):
        post(redis_client, keys.SYNC_EVENTS, user("reaction", f"u{number}"), f"{start}-{number}")
    frozen = Collector(lambda: connect(protocol=2), "frozen", 1_000)
    frozen.start()
    batches = frozen._read_streams()
    assert len(batches[0].entries) == 10
    redis_client.xclaim(
        keys.SYNC_EVENTS, keys.CONSUMER_GROUP, "heir", 0, [entry[0] for entry in batches[0].entries]
    )
    with collector("heir") as heir:
        collect_all(redis_client, heir)
    score_all(redis_client, tick_at(start))
    assert total("reaction_count") == 10

    frozen._held_since_ms = frozen._now_ms()
    frozen._held = [frozen._collected_batch(batches, [])]
    frozen._forward()
    assert int(redis_client.hget(keys.COLLECTOR_TOTALS, "late_blocks")) == 1
    score_all(redis_client, tick_at(start) + 2)
    assert total("reaction_count") == 10


def test_an_event_that_comes_after_its_tick_was_scored_counts_in_the_next(
    redis_client: redis.Redis,
) -> None:
    start = (now_tick(redis_client) - 5) * TICK_MS
    post(redis_client, keys.CHAT_MESSAGE, chat("in time"), f"{start}-0")
    with collector() as running:
        collect_all(redis_client, running)
        score_all(redis_client, tick_at(start) + 1)
        post(redis_client, keys.CHAT_MESSAGE, chat("late"), f"{start}-1")
        collect_all(redis_client, running)
    score_all(redis_client, tick_at(start) + 3)
    assert [row.chat_count for row in rows()] == [1, 0, 1, 0]


def freeze_before_delivery(running: Collector) -> None:
    """Lets a collector read what is in the streams, and stop there."""
    hand_on = running._forward

    def keep() -> int:
        return 0 if any(map(len, running._held)) else hand_on()

    running._forward = keep  # type: ignore[method-assign]
    step_until(running, lambda: any(map(len, running._held)))
    running._forward = hand_on  # type: ignore[method-assign]


@pytest.fixture
def passes(redis_client: redis.Redis) -> Callable[[int], None]:
    """Makes lists of arrivals expire, as time does."""

    def pass_on(seconds: int) -> None:
        for key in redis_client.scan_iter("engagement:{*}:arrivals:*"):
            left = redis_client.ttl(key)
            if left <= seconds:
                redis_client.delete(key)
            else:
                redis_client.expire(key, left - seconds)

    return pass_on


def test_a_collector_that_thaws_after_its_arrivals_have_expired_counts_nothing_again(
    redis_client: redis.Redis, passes: Callable[[int], None]
) -> None:
    start = start_of(redis_client, RETENTION_SECONDS // TICK_SECONDS + 5)
    for number in range(10):
        post(redis_client, keys.SYNC_EVENTS, user("emoji", f"u{number}"), f"{start}-{number}")
    score_all(redis_client, tick_at(start) - 1)
    with collector("frozen") as frozen, collector("other") as other:
        freeze_before_delivery(frozen)
        wait_for_claims(redis_client, keys.SYNC_EVENTS)
        collect_all(redis_client, other)
        score_all(redis_client, tick_at(start) + 2)
        passes(RETENTION_SECONDS + 1)
        # As if it had been frozen after it had looked at the clock.
        frozen._held_since_ms = server_time_ms(redis_client)
        frozen._forward()
        frozen._report.publish()
    score_all(redis_client, now_tick(redis_client))
    assert total("reaction_count") == 10
    assert read_counters(redis_client)[TOO_LATE] == 10


@pytest.mark.parametrize("kind", ["scored", "arrivals"])
def test_a_poisoned_key_of_a_shard_stops_no_collector(redis_client: redis.Redis, kind: str) -> None:
    start = start_of(redis_client, 4)
    poisoned = keys.scored_tick(SHARD) if kind == "scored" else keys.arrivals(SHARD, tick_at(start))
    redis_client.set(poisoned, b"junk")
    for session in ("s1", "s17", "s2", "s3"):
        post(redis_client, keys.CHAT_MESSAGE, chat(f"m-{session}", session=session), f"{start}-*")
    collect(redis_client)
    assert redis_client.lrange(keys.arrivals(SHARD, tick_at(start)), 0, -1)
    for shard in {keys.shard_of(name) for name in ("s2", "s3")} - {SHARD}:
        score_shard(redis_client, shard, tick_at(start))
    assert total("chat_count", "s2") + total("chat_count", "s3") >= 1
