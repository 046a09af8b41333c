"""The condition of each shard, on Redis: failures, tick durations, and quarantined parts.

A problem in one shard must not affect the others, so the pipeline has to know which one it is.
"""

import time
from collections.abc import Mapping
from typing import Any

import msgspec
import redis

from sessions_app.redis_access import keys
from sessions_app.telemetry.counters import SHARD_FAILURES, named, queue_counters
from sessions_app.telemetry.readings import Readings
from sessions_app.ticks import TICK_SECONDS

# Half the time of one process: beyond it, a shard would delay the others of its task.
BUDGET_SECONDS = 2.5
# Weight of the last tick in the moving average, so that it decays within a few ticks.
LAST_TICK_WEIGHT = 0.5
# If more shards are slow or failing, the cause is shared: servers, machine, or our own code.
MAXIMUM_FAULTY_SHARDS = keys.SHARD_COUNT // 2
# Quarantined parts are kept for inspection; a new one replaces the last of its kind.
SET_ASIDE_LIFETIME_SECONDS = 3 * 86_400
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
        failure = Failure(stage, 1, time.time(), tick, reason)
    else:
        count = before.count + 1
        failure = Failure(stage, count, before.since, tick, reason, before.treated)
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
    return _read(client, keys.SHARD_FAILURES, _decode_failure, readings)


def note_set_aside(client: "redis.Redis", shard: int, what: str, reason: str) -> None:
    """Records that a part of the shard was set aside.

    Raises:
        redis.RedisError: Redis does not answer.
    """
    stored = _encode(SetAside(what, time.time(), reason))
    client.hset(keys.SHARDS_SET_ASIDE, str(shard), stored)


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
        begun, before = map(_number, pipeline.execute()[:2])
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
    return _read(client, keys.SHARD_SECONDS, float, readings)


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
    set_aside = _read(client, keys.SHARDS_SET_ASIDE, _decode_set_aside, readings)
    at_work = _read(client, keys.SHARDS_AT_WORK, _number, readings)
    apart, now = shards_apart(seconds), time.time()
    return [
        ShardCondition(
            shard,
            scored,
            seconds.get(shard),
            shard in apart,
            None if (begun := at_work.get(shard)) is None else max(0.0, now - begun),
            failures.get(shard),
            _kept(set_aside.get(shard), now),
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


def _kept(stored: SetAside | None, now: float) -> SetAside | None:
    is_kept = stored is not None and now - stored.time < SET_ASIDE_LIFETIME_SECONDS
    return stored if is_kept else None


def _number(text: bytes | None) -> float | None:
    try:
        return None if text is None else float(text)
    except ValueError:
        return None


def _read(
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
