"""The condition of each shard, on Redis: failures, tick durations, and quarantined parts.

A problem in one shard must not affect the others, so the pipeline has to know which one it is.
"""

import time
from typing import Any

import msgspec
import redis

from sessions_app.redis_access import keys
from sessions_app.telemetry.counters import SHARD_FAILURES, named, queue_counters
from sessions_app.telemetry.readings import Readings
from sessions_app.telemetry.shard_seconds import (
    read_by_shard,
    read_number,
    read_seconds,
    shards_apart,
)

# Quarantined parts are kept for inspection; a new one replaces the last of its kind.
SET_ASIDE_LIFETIME_SECONDS = 7 * 86_400
# Long enough for somebody on call to see it.
SET_ASIDE_IS_NEWS_SECONDS = 3_600
LONGEST_REASON = 300
INTERRUPTED = "interrupted"


class Failure(msgspec.Struct):
    """Consecutive failures of a shard.

    Attributes:
        stage: the stage of the tick that fails.
        count: number of consecutive failures in this stage.
        since: Unix time of the first one, in seconds.
        tick: the tick that failed last.
        reason: of the last one, in one line.
        treated: ``count`` at the last remedy, successful or not.
    """

    stage: str
    count: int
    since: float
    tick: int
    reason: str
    treated: int = 0


class SetAside(msgspec.Struct):
    """What was last set aside in a shard.

    Attributes:
        what: which part of its state or its blocks.
        time: Unix time in seconds.
        reason: why, in one line.
    """

    what: str
    time: float
    reason: str


class ShardCondition(msgspec.Struct):
    """A shard at a glance.

    Attributes:
        scored_tick: the last scored one; None before the first.
        seconds_per_tick: recent average duration of its ticks; None if unknown.
        is_apart: whether it has a lane of its own, because it is slow.
        at_work_seconds: how long a worker has been scoring it; None if none is.
    """

    shard: int
    scored_tick: int | None
    seconds_per_tick: float | None
    is_apart: bool
    at_work_seconds: float | None
    failure: Failure | None
    set_aside: SetAside | None


_encode = msgspec.json.Encoder().encode
_decode_failure = msgspec.json.Decoder(Failure).decode
_decode_set_aside = msgspec.json.Decoder(SetAside).decode


def one_line(error: BaseException) -> str:
    """Class and message of an error in one line, cut if long."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}"[:LONGEST_REASON]


def note_failure(client: "redis.Redis", shard: int, stage: str, tick: int, reason: str) -> Failure:
    """Records a failure in ``stage``; counting restarts if the stage differs from the last one.

    Raises:
        redis.RedisError: Redis does not answer.
    """
    before = read_failures(client).get(shard)
    if before is None or before.stage != stage:
        failure = Failure(stage=stage, count=1, since=time.time(), tick=tick, reason=reason)
    else:
        failure = msgspec.structs.replace(before, count=before.count + 1, tick=tick, reason=reason)
    with client.pipeline(transaction=False) as pipeline:
        pipeline.hset(keys.SHARD_FAILURES, str(shard), _encode(failure))
        queue_counters(pipeline, {named(SHARD_FAILURES, stage): 1})
        pipeline.execute()
    return failure


def note_treated(client: "redis.Redis", shard: int, failure: Failure) -> None:
    """Records that a remedy is being applied, so that it is applied only once.

    Raises:
        redis.RedisError: Redis does not answer.
    """
    stored = msgspec.structs.replace(failure, treated=failure.count)
    client.hset(keys.SHARD_FAILURES, str(shard), _encode(stored))


def note_interruption(client: "redis.Redis") -> None:
    """Counts a tick that was interrupted because it took too long; this is not a failure.

    Raises:
        redis.RedisError: Redis does not answer.
    """
    client.hincrbyfloat(keys.COUNTERS, named(SHARD_FAILURES, INTERRUPTED), 1)


def forget_failure(client: "redis.Redis", shard: int) -> None:
    """Clears the failures of a shard that was scored.

    Raises:
        redis.RedisError: Redis does not answer.
    """
    client.hdel(keys.SHARD_FAILURES, str(shard))


def read_failures(client: "redis.Redis", readings: Readings | None = None) -> dict[int, Failure]:
    """The failing shards, by number.

    Args:
        readings: records what cannot be read.

    Raises:
        redis.RedisError: Redis does not answer.
    """
    return read_by_shard(client, keys.SHARD_FAILURES, _decode_failure, readings)


def note_set_aside(client: "redis.Redis", shard: int, what: str, reason: str) -> None:
    """Records that a part of the shard was set aside.

    Raises:
        redis.RedisError: Redis does not answer.
    """
    stored = _encode(SetAside(what, time.time(), reason))
    client.hset(keys.SHARDS_SET_ASIDE, str(shard), stored)


def shard_conditions(
    client: "redis.Redis", cluster: Any, readings: Readings | None = None
) -> list[ShardCondition]:
    """The condition of all shards.

    Args:
        client: of the server of ``REDIS_URL``.
        cluster: client of the nodes with the shards.
        readings: records what cannot be read.

    Raises:
        redis.RedisError: Redis does not answer.
    """
    seconds, failures = read_seconds(client, readings), read_failures(client, readings)
    set_aside = read_by_shard(client, keys.SHARDS_SET_ASIDE, _decode_set_aside, readings)
    at_work = read_by_shard(client, keys.SHARDS_AT_WORK, read_number, readings)
    apart, now = shards_apart(seconds), time.time()
    return [
        ShardCondition(
            shard=shard,
            scored_tick=scored,
            seconds_per_tick=seconds.get(shard),
            is_apart=shard in apart,
            at_work_seconds=_seconds_since(at_work.get(shard), now),
            failure=failures.get(shard),
            set_aside=_kept(set_aside.get(shard), now),
        )
        for shard, scored in enumerate(scored_ticks(cluster, readings))
    ]


def scored_ticks(cluster: Any, readings: Readings | None = None) -> list[int | None]:
    """The last tick scored by each shard; None before its first, or if unknown.

    Args:
        readings: records what cannot be read.

    Raises:
        redis.RedisError: Redis does not answer.
    """
    names = [keys.scored_tick(shard) for shard in range(keys.SHARD_COUNT)]
    with cluster.pipeline(transaction=False) as pipeline:
        for name in names:
            pipeline.get(name)
        found = (readings or Readings()).answers(pipeline, names)
    return [int(tick) if (tick or b"").isdigit() else None for tick in found]


def _seconds_since(begun: float | None, now: float) -> float | None:
    return None if begun is None else max(0.0, now - begun)


def _kept(stored: SetAside | None, now: float) -> SetAside | None:
    is_kept = stored is not None and now - stored.time < SET_ASIDE_LIFETIME_SECONDS
    return stored if is_kept else None
