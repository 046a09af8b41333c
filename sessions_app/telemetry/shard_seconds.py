"""Seconds per tick of each shard, kept on Redis, and which shards are too slow for the others."""

import time
from collections.abc import Mapping
from typing import Any

import msgspec
import redis

from sessions_app.redis_access import keys
from sessions_app.telemetry.readings import Readings
from sessions_app.ticks import TICK_SECONDS

# Half the time of one process: beyond it, a shard would delay the others of its task.
BUDGET_SECONDS = 2.5
# Weight of the last tick in the moving average, so that it decays within a few ticks.
LAST_TICK_WEIGHT = 0.5
# If more shards are slow or failing, the cause is shared: servers, machine, or our own code.
MAXIMUM_FAULTY_SHARDS = keys.SHARD_COUNT // 2


def begin_work(client: "redis.Redis", shard: int) -> float:
    """Records that a worker, which holds the shard's lock, begins.

    A worker that began before and never ended was killed: its time counts, too.

    Returns:
        Recent average seconds per tick of the shard; 0 if unknown.

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
    """Records that the worker is done.

    Args:
        seconds: duration of a tick; None if it says nothing about the shard.
        before: the result of :func:`begin_work`.

    Raises:
        redis.RedisError: Redis does not answer.
    """
    with client.pipeline(transaction=False) as pipeline:
        pipeline.hdel(keys.SHARDS_AT_WORK, str(shard))
        if seconds is not None:
            pipeline.hset(keys.SHARD_SECONDS, str(shard), _average(before, seconds))
        pipeline.execute()


def _average(before: float, seconds: float) -> float:
    return round(before + (max(0.0, seconds) - before) * LAST_TICK_WEIGHT, 4)


def read_seconds(client: "redis.Redis", readings: Readings | None = None) -> dict[int, float]:
    """Recent average seconds per tick of each shard.

    Args:
        readings: records what cannot be read.

    Raises:
        redis.RedisError: Redis does not answer.
    """
    return read_by_shard(client, keys.SHARD_SECONDS, float, readings)


def shards_apart(seconds: Mapping[int, float]) -> set[int]:
    """The shards for the slow lane: those that cannot keep up, else the slowest over budget.

    One process scores them in turn, so two that each keep up might not keep up together. Empty if
    so many are slow that the cause must be shared.

    Args:
        seconds: of :func:`read_seconds`.
    """
    slow = {shard for shard, average in seconds.items() if average > BUDGET_SECONDS}
    if not slow or len(slow) > MAXIMUM_FAULTY_SHARDS:
        return set()
    exhausted = {shard for shard in slow if seconds[shard] >= TICK_SECONDS}
    return exhausted or {max(slow, key=lambda shard: (seconds[shard], shard))}


def read_number(text: bytes | None) -> float | None:
    try:
        return None if text is None else float(text)
    except ValueError:
        return None


def read_by_shard(
    client: "redis.Redis", key: str, decode: Any, readings: Readings | None
) -> dict[int, Any]:
    """A hash by shard; empty if it is not a hash."""
    readings = readings or Readings()
    return _decoded(readings.read(key, lambda: client.hgetall(key), {}), decode)


def _decoded(stored: Mapping[bytes, bytes], decode: Any) -> dict[int, Any]:
    """The readable fields of a hash by shard; others belong to another release."""
    found = {}
    for shard, text in stored.items():
        try:
            found[int(shard)] = decode(text)
        except (msgspec.MsgspecError, ValueError):
            continue
    return found
