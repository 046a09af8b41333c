"""How long the ticks of each shard take, on Redis, and which shards are too slow for the others."""

import time
from collections.abc import Mapping
from typing import Any

import msgspec
import redis

from sessions_app.redis_access import keys
from sessions_app.telemetry.readings import Readings
from sessions_app.ticks import TICK_SECONDS

# Half of what one process has: with more, a shard would keep the others of its task from theirs.
BUDGET_SECONDS = 2.5
# Of the average, what the last call counts for: back to nothing within a few ticks.
SHARE_OF_LAST = 0.5
# If more shards than these are slow or fail, it is what they share: servers, machine, our own code.
MOST_AT_FAULT = keys.SHARD_COUNT // 2


def begin_work(client: "redis.Redis", shard: int) -> float:
    """Notes that a worker, which holds the shard's lock, begins.

    Whoever has begun before and never ended was killed in the middle: that time counts, too.

    Returns:
        How many seconds a tick of the shard has taken of late; 0 where that is not known.

    Raises:
        redis.RedisError: Redis does not answer.
    """
    now = time.time()
    with client.pipeline(transaction=False) as pipeline:
        pipeline.hget(keys.SHARDS_AT_WORK, str(shard))
        pipeline.hget(keys.SHARD_SECONDS, str(shard))
        pipeline.hset(keys.SHARDS_AT_WORK, str(shard), now)
        begun, before = map(read_number, pipeline.execute()[:2])
    if begun is None:
        return before or 0.0
    average = _average(before or 0.0, now - begun)
    client.hset(keys.SHARD_SECONDS, str(shard), average)
    return average


def end_work(client: "redis.Redis", shard: int, seconds: float | None, before: float) -> None:
    """Notes that the worker is done.

    Args:
        seconds: that a tick has taken; None where that tells nothing of the shard.
        before: what :func:`begin_work` has returned.

    Raises:
        redis.RedisError: Redis does not answer.
    """
    with client.pipeline(transaction=False) as pipeline:
        pipeline.hdel(keys.SHARDS_AT_WORK, str(shard))
        if seconds is not None:
            pipeline.hset(keys.SHARD_SECONDS, str(shard), _average(before, seconds))
        pipeline.execute()


def _average(before: float, seconds: float) -> float:
    return round(before + (max(0.0, seconds) - before) * SHARE_OF_LAST, 4)


def read_seconds(client: "redis.Redis", readings: Readings | None = None) -> dict[int, float]:
    """How long a tick of each shard has taken of late.

    Args:
        readings: where what cannot be read is noted.

    Raises:
        redis.RedisError: Redis does not answer.
    """
    return read_by_shard(client, keys.SHARD_SECONDS, float, readings)


def shards_apart(seconds: Mapping[int, float]) -> set[int]:
    """The shards for a lane of their own: those that cannot keep up, else the slowest over budget.

    One process is at them in turn, so two that each keep up might not keep up together. None where
    so many are slow that it is no fault of theirs.

    Args:
        seconds: of :func:`read_seconds`.
    """
    slow = {shard for shard, average in seconds.items() if average > BUDGET_SECONDS}
    if not slow or len(slow) > MOST_AT_FAULT:
        return set()
    hopeless = {shard for shard in slow if seconds[shard] >= TICK_SECONDS}
    return hopeless or {max(slow, key=lambda shard: (seconds[shard], shard))}


def read_number(text: bytes | None) -> float | None:
    try:
        return None if text is None else float(text)
    except ValueError:
        return None


def read_by_shard(
    client: "redis.Redis", key: str, decode: Any, readings: Readings | None
) -> dict[int, Any]:
    """A hash by shard; empty where it is none."""
    readings = readings or Readings()
    return _decoded(readings.read(key, lambda: client.hgetall(key), {}), decode)


def _decoded(stored: Mapping[bytes, bytes], decode: Any) -> dict[int, Any]:
    """What can be read of a hash by shard; the rest is of another version."""
    found = {}
    for shard, text in stored.items():
        try:
            found[int(shard)] = decode(text)
        except (msgspec.MsgspecError, ValueError):
            continue
    return found
