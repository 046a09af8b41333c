"""Every entry of a stream counts once, whatever its ID is and whenever it is handed on again."""

import pytest
import redis

from sessions_app.events.batch_builder import BatchBuilder
from sessions_app.events.blocks import encode_block
from sessions_app.events.decoding import EventKind, PlatformEvent
from sessions_app.events.identification import Identification
from sessions_app.ingest.claims import CLAIM_IDLE_MS
from sessions_app.ingest.collector import Collector
from sessions_app.redis_access import keys
from sessions_app.ticks import TICK_MS, tick_at
from tests.pipeline import (
    collect,
    collect_all,
    collector,
    now_tick,
    rows,
    score_all,
    start_of,
    step_until,
    total,
)
from tests.platform import post, user

pytestmark = [pytest.mark.integration, pytest.mark.django_db(transaction=True)]

SHARD = keys.shard_of("s1")


@pytest.mark.parametrize("first", [2**32 - 1, 2**32, 2**40, 2**63, 2**64 - 2_000])
def test_long_sequence_numbers_are_told_apart(redis_client: redis.Redis, first: int) -> None:
    start = start_of(redis_client, 5)
    post(redis_client, keys.SYNC_EVENTS, user("emoji", "u0"), f"{start}-{first}")
    with redis_client.pipeline() as pipeline:
        for number in range(1, 1_001):
            entry_id = f"{start}-{first + number}"
            post(pipeline, keys.SYNC_EVENTS, user("emoji", f"u{number}"), entry_id)
        pipeline.execute()
    collect(redis_client)
    score_all(redis_client, now_tick(redis_client))
    assert total("reaction_count") == 1_001


def wait_for_claims(client: redis.Redis, channel: str) -> None:
    """Makes what is pending as old as another collector waits for."""
    pending = client.xpending_range(channel, keys.CONSUMER_GROUP, "-", "+", 1_000)
    for entry in pending:
        client.xclaim(
            channel,
            keys.CONSUMER_GROUP,
            entry["consumer"],
            0,
            [entry["message_id"]],
            idle=CLAIM_IDLE_MS + 1,
            justid=True,
        )


class KilledError(Exception):
    pass


def die_before_acknowledging(running: Collector) -> None:
    """Lets a collector hand on what is in the streams, and forget that it did."""
    acknowledge = running._acknowledge

    def killed() -> None:
        if any(map(len, running._held)):
            raise KilledError
        acknowledge()

    running._acknowledge = killed  # type: ignore[method-assign]
    with pytest.raises(KilledError):
        step_until(running, lambda: False)
    running._acknowledge = acknowledge  # type: ignore[method-assign]
    running._held = []


@pytest.mark.parametrize("ahead_ms", [2 * TICK_MS, 3_600_000, 2**62])
@pytest.mark.parametrize("ticks_later", [0, 1, 7])
def test_an_entry_from_the_future_counts_once_though_its_collector_died(
    redis_client: redis.Redis, ahead_ms: int, ticks_later: int
) -> None:
    future = start_of(redis_client, 0) + ahead_ms
    for number in range(5):
        post(redis_client, keys.SYNC_EVENTS, user("emoji", f"u{number}"), f"{future}-{number}")
    with collector("first") as first:
        die_before_acknowledging(first)
        tick = now_tick(redis_client)
        score_all(redis_client, tick)
        wait_for_claims(redis_client, keys.SYNC_EVENTS)
        with collector("second") as second:
            first.subscriber.clock_offset_ms += ticks_later * TICK_MS
            second._now_ms = lambda: first._now_ms()  # type: ignore[method-assign]
            collect_all(redis_client, second)
    score_all(redis_client, tick + ticks_later + 1)
    assert total("reaction_count") == 5


def test_a_stream_that_is_in_the_future_for_good_goes_on_counting(
    redis_client: redis.Redis,
) -> None:
    """After one entry with an explicit ID all later ones have its time."""
    post(redis_client, keys.SYNC_EVENTS, user("user_join", "u0"), f"{2**62}-0")
    with collector() as running:
        for tick in range(3):
            for number in range(4):
                post(redis_client, keys.SYNC_EVENTS, user("emoji", f"u{tick}{number}"))
            collect_all(redis_client, running)
            score_all(redis_client, now_tick(redis_client) + tick)
    assert total("reaction_count") == 12


def test_people_of_a_session_that_began_without_keys_stay_the_same(
    redis_client: redis.Redis,
) -> None:
    start = start_of(redis_client, 10)
    old = Identification(bytes(16), unkeyed_too=True, keyed_too=False)
    builder = BatchBuilder(old)
    for name in ("u1", "u2"):
        builder.add(PlatformEvent(EventKind.JOIN, "s1", "e1", name), 3, start, int(name[1:]))
    ((_, block),) = builder.blocks()
    redis_client.rpush(keys.arrivals(SHARD, block.tick), encode_block(block))
    score_all(redis_client, tick_at(start))
    post(redis_client, keys.SYNC_EVENTS, user("user_leave", "u1"), f"{start + TICK_MS}-0")
    post(redis_client, keys.SYNC_EVENTS, user("typing", "u2"), f"{start + TICK_MS}-1")
    post(
        redis_client,
        keys.SYNC_EVENTS,
        user("user_join", "a", session="s17"),
        f"{start + TICK_MS}-2",
    )
    collect(redis_client)
    score_all(redis_client, tick_at(start) + 1)
    assert [(row.active_users, row.total_users) for row in rows()] == [(2, 2), (1, 2)]
