"""Every entry of a stream counts once, whatever its ID is and whenever it is handed on again."""

from collections.abc import Callable

import msgspec
import numpy as np
import pytest
import redis

from engagement_conductor.pipeline.tick import NEWER_WORKER_TICKS
from sessions_app.events.batch_builder import BatchBuilder
from sessions_app.events.blocks import encode_block
from sessions_app.events.decoding import EventKind, PlatformEvent
from sessions_app.events.identification import Identification, unkeyed_identity
from sessions_app.ingest.claims import CLAIM_IDLE_MS
from sessions_app.ingest.collector import Collector
from sessions_app.ingest.delivery import FENCE_SECONDS, RETENTION_SECONDS
from sessions_app.redis_access import keys
from sessions_app.redis_access.client import server_time_ms
from sessions_app.telemetry.counters import TOO_LATE, UNREADABLE, named, read_counters
from sessions_app.ticks import TICK_MS, TICK_SECONDS, tick_at
from tests.pipeline import collect_all, collector, rows, score_all, score_shard, step_until, total
from tests.platform import chat, post, user

pytestmark = [pytest.mark.integration, pytest.mark.django_db(transaction=True)]

SHARD = keys.shard_of("s1")


def start_of(client: redis.Redis, ticks_ago: int) -> int:
    return (tick_at(server_time_ms(client)) - ticks_ago) * TICK_MS


def now_tick(client: redis.Redis) -> int:
    return tick_at(server_time_ms(client))


@pytest.mark.parametrize("first", [2**32 - 1, 2**32, 2**40, 2**63, 2**64 - 2_000])
def test_long_sequence_numbers_are_told_apart(redis_client: redis.Redis, first: int) -> None:
    start = start_of(redis_client, 5)
    post(redis_client, keys.SYNC_EVENTS, user("emoji", "u0"), f"{start}-{first}")
    with redis_client.pipeline() as pipeline:
        for number in range(1, 1_001):
            entry_id = f"{start}-{first + number}"
            post(pipeline, keys.SYNC_EVENTS, user("emoji", f"u{number}"), entry_id)
        pipeline.execute()
    with collector() as running:
        collect_all(redis_client, running)
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


def freeze_before_delivery(running: Collector) -> None:
    """Lets a collector read what is in the streams, and stop there."""
    hand_on = running._forward

    def keep() -> int:
        return 0 if any(map(len, running._held)) else hand_on()

    running._forward = keep  # type: ignore[method-assign]
    step_until(running, lambda: any(map(len, running._held)))
    running._forward = hand_on  # type: ignore[method-assign]


def builder_of(reactions: int, tick: int) -> BatchBuilder:
    builder = BatchBuilder(Identification(bytes(16)))
    for number in range(reactions):
        event = PlatformEvent(EventKind.REACTION, "s1", "e1", f"u{number}", b"%d" % number)
        builder.add(event, 3, tick * TICK_MS, number)
    return builder


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


def test_a_late_block_that_waited_too_long_for_a_worker_does_not_count(
    redis_client: redis.Redis,
) -> None:
    start = start_of(redis_client, FENCE_SECONDS // TICK_SECONDS + 20)
    score_all(redis_client, tick_at(start))
    ((_, block),) = builder_of(4, tick_at(start) - 3).blocks()
    redis_client.rpush(keys.late_arrivals(SHARD), encode_block(block))
    score_all(redis_client, tick_at(start) + 2)
    assert total("reaction_count") == 0
    assert read_counters(redis_client)[TOO_LATE] == 4
    assert not redis_client.exists(keys.late_arrivals(SHARD))


def test_a_block_of_the_release_before_counts(redis_client: redis.Redis) -> None:
    """As written by that release: identities without keys, IDs in the order of the tick."""
    tick = tick_at(start_of(redis_client, 4))
    dtype = [("kind", "u1"), ("source", "u1"), ("session", "<u4")]
    dtype += [(name, "<u8") for name in ("user", "subject", "order")]
    events = np.zeros(100, dtype)
    events["kind"], events["source"] = EventKind.REACTION, 3
    events["user"] = [unkeyed_identity(b"u%d" % number) for number in range(100)]
    events["subject"] = [unkeyed_identity(b"r%d" % number) for number in range(100)]
    events["order"] = [(number << 32) | 1 for number in range(100)]
    block = (2, tick, b"batch", [("s1", "e1")], events.tobytes(), ())
    redis_client.rpush(keys.arrivals(SHARD, tick), msgspec.msgpack.encode(block))
    score_all(redis_client, tick)
    assert total("reaction_count") == 100


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
    with collector() as running:
        collect_all(redis_client, running)
    score_all(redis_client, tick_at(start) + 1)
    assert [(row.active_users, row.total_users) for row in rows()] == [(2, 2), (1, 2)]


@pytest.mark.parametrize("blob", [b"", b"junk", b"\x96\x01\x00"])
def test_blocks_that_nobody_can_read_are_set_aside_and_counted(
    redis_client: redis.Redis, blob: bytes
) -> None:
    start = start_of(redis_client, 4)
    redis_client.rpush(keys.arrivals(SHARD, tick_at(start)), blob)
    post(redis_client, keys.CHAT_MESSAGE, chat("m1"), f"{start}-0")
    with collector() as running:
        collect_all(redis_client, running)
    score_all(redis_client, tick_at(start) + 1)
    assert total("chat_count") == 1
    assert redis_client.lrange(keys.unreadable_blocks(SHARD), 0, -1) == [blob]
    assert read_counters(redis_client)[named(UNREADABLE, "block")] == 1


def test_a_list_of_strays_that_nobody_can_read_is_counted_once(redis_client: redis.Redis) -> None:
    tick = tick_at(start_of(redis_client, 10))
    post(redis_client, keys.CHAT_MESSAGE, chat("m1"), f"{tick * TICK_MS}-0")
    with collector() as running:
        collect_all(redis_client, running)
    redis_client.rpush(keys.shard_strays(SHARD), b"junk")
    for passed in range(4):
        score_all(redis_client, tick + passed)
    assert read_counters(redis_client)[named(UNREADABLE, "strays")] == 1
    assert not redis_client.exists(keys.shard_strays(SHARD))
    assert redis_client.lrange(keys.unreadable_blocks(SHARD), 0, -1) == [b"junk"]


def test_a_block_of_a_later_version_is_left_to_its_worker_for_a_while(
    redis_client: redis.Redis,
) -> None:
    tick = tick_at(start_of(redis_client, 40))
    score_all(redis_client, tick - 1)
    ((_, block),) = builder_of(4, tick).blocks()
    data = bytearray(encode_block(block))
    data[1] += 1
    redis_client.rpush(keys.arrivals(SHARD, tick), bytes(data))
    score_all(redis_client, tick + 1)
    assert int(redis_client.get(keys.scored_tick(SHARD)) or 0) == tick - 1
    score_all(redis_client, tick + NEWER_WORKER_TICKS)
    assert int(redis_client.get(keys.scored_tick(SHARD)) or 0) >= tick
    assert redis_client.llen(keys.unreadable_blocks(SHARD)) == 1


@pytest.mark.parametrize("kind", ["scored", "arrivals"])
def test_a_poisoned_key_of_a_shard_stops_no_collector(redis_client: redis.Redis, kind: str) -> None:
    start = start_of(redis_client, 4)
    poisoned = keys.scored_tick(SHARD) if kind == "scored" else keys.arrivals(SHARD, tick_at(start))
    redis_client.set(poisoned, b"junk")
    for session in ("s1", "s17", "s2", "s3"):
        post(redis_client, keys.CHAT_MESSAGE, chat(f"m-{session}", session=session), f"{start}-*")
    with collector() as running:
        collect_all(redis_client, running)
    assert redis_client.lrange(keys.arrivals(SHARD, tick_at(start)), 0, -1)
    for shard in {keys.shard_of(name) for name in ("s2", "s3")} - {SHARD}:
        score_shard(redis_client, shard, tick_at(start))
    assert total("chat_count", "s2") + total("chat_count", "s3") >= 1
