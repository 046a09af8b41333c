"""What the collectors have handed to a shard, whatever of it can be read."""

import msgspec
import numpy as np
import pytest
import redis

from engagement_conductor.pipeline.tick import NEWER_WORKER_TICKS
from sessions_app.events.batch_builder import BatchBuilder
from sessions_app.events.blocks import encode_block
from sessions_app.events.decoding import EventKind, PlatformEvent
from sessions_app.events.identification import Identification, unkeyed_identity
from sessions_app.ingest.delivery import FENCE_SECONDS
from sessions_app.redis_access import keys
from sessions_app.telemetry.counters import TOO_LATE, UNREADABLE, named, read_counters
from sessions_app.ticks import TICK_MS, TICK_SECONDS, tick_at
from tests.integration.test_entry_ids import SHARD
from tests.pipeline import collect, score_all, start_of, total
from tests.platform import chat, post

pytestmark = [pytest.mark.integration, pytest.mark.django_db(transaction=True)]


def builder_of(reactions: int, tick: int) -> BatchBuilder:
    builder = BatchBuilder(Identification(bytes(16)))
    for number in range(reactions):
        event = PlatformEvent(EventKind.REACTION, "s1", "e1", f"u{number}", b"%d" % number)
        builder.add(event, 3, tick * TICK_MS, number)
    return builder


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


@pytest.mark.parametrize("blob", [b"", b"junk", b"\x96\x01\x00"])
def test_blocks_that_nobody_can_read_are_set_aside_and_counted(
    redis_client: redis.Redis, blob: bytes
) -> None:
    start = start_of(redis_client, 4)
    redis_client.rpush(keys.arrivals(SHARD, tick_at(start)), blob)
    post(redis_client, keys.CHAT_MESSAGE, chat("m1"), f"{start}-0")
    collect(redis_client)
    score_all(redis_client, tick_at(start) + 1)
    assert total("chat_count") == 1
    assert redis_client.lrange(keys.unreadable_blocks(SHARD), 0, -1) == [blob]
    assert read_counters(redis_client)[named(UNREADABLE, "block")] == 1


def test_a_list_of_strays_that_nobody_can_read_is_counted_once(redis_client: redis.Redis) -> None:
    tick = tick_at(start_of(redis_client, 10))
    post(redis_client, keys.CHAT_MESSAGE, chat("m1"), f"{tick * TICK_MS}-0")
    collect(redis_client)
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
