"""How each shard does, on Redis: which fails and why, how long its ticks take, what was set aside.

A shard is one of sixteen parts of the sessions. What is wrong with one of them must cost the others
nothing, so somebody has to know which one it is.
"""

import time
from typing import Any

import msgspec
import redis

from sessions_app.redis_access import keys
from sessions_app.telemetry.counters import SHARD_FAILURES, named, queue_figures
from sessions_app.telemetry.readings import Readings
from sessions_app.telemetry.shard_seconds import (
    read_by_shard,
    read_number,
    read_seconds,
    shards_apart,
)

# What was set aside is kept for whoever looks into it; a new one of its kind takes its place.
SET_ASIDE_LIFETIME_SECONDS = 7 * 86_400
# Long enough for somebody who is called to see it.
SET_ASIDE_IS_NEWS_SECONDS = 3_600
LONGEST_REASON = 300
INTERRUPTED = "interrupted"


class Failure(msgspec.Struct):
    """A shard that could not be scored, again and again.

    Attributes:
        stage: of the tick, in which it fails.
        count: how often in a row, all in this stage.
        since: Unix time of the first one, in seconds.
        tick: that could not be scored, the last time.
        reason: of the last one, in one line.
        treated: at which count something was last done about it, whatever came of that.
    """

    stage: str
    count: int
    since: float
    tick: int
    reason: str
    treated: int = 0


class SetAside(msgspec.Struct):
    """What was taken out of a shard last.

    Attributes:
        what: which part of its state, or of what had come.
        time: Unix time in seconds.
        reason: why, in one line.
    """

    what: str
    time: float
    reason: str


class ShardCondition(msgspec.Struct):
    """A shard at a glance.

    Attributes:
        scored_tick: the last one; None before the first.
        seconds_per_tick: how long its ticks have taken of late; None where nobody knows.
        is_apart: it has a lane of its own, because it is slow.
        at_work_seconds: how long a worker has been at it; None while none is.
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
    """What went wrong, for people: its kind and its message, cut where it is long."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}"[:LONGEST_REASON]


def note_failure(client: "redis.Redis", shard: int, stage: str, tick: int, reason: str) -> Failure:
    """Counts a failure in ``stage``; one in another stage than before is the first again.

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
        queue_figures(pipeline, {named(SHARD_FAILURES, stage): 1})
        pipeline.execute()
    return failure


def note_treated(client: "redis.Redis", shard: int, failure: Failure) -> None:
    """Notes that something is done about a failure now, so that it is done once only.

    Raises:
        redis.RedisError: Redis does not answer.
    """
    noted = msgspec.structs.replace(failure, treated=failure.count)
    client.hset(keys.SHARD_FAILURES, str(shard), _encode(noted))


def note_interruption(client: "redis.Redis") -> None:
    """Counts a tick that was interrupted because it took too long: that is slow, and no failure.

    Raises:
        redis.RedisError: Redis does not answer.
    """
    client.hincrbyfloat(keys.FIGURES, named(SHARD_FAILURES, INTERRUPTED), 1)


def forget_failure(client: "redis.Redis", shard: int) -> None:
    """Notes that the shard was scored.

    Raises:
        redis.RedisError: Redis does not answer.
    """
    client.hdel(keys.SHARD_FAILURES, str(shard))


def read_failures(client: "redis.Redis", readings: Readings | None = None) -> dict[int, Failure]:
    """The shards that fail, by number.

    Args:
        readings: where what cannot be read is noted.

    Raises:
        redis.RedisError: Redis does not answer.
    """
    return read_by_shard(client, keys.SHARD_FAILURES, _decode_failure, readings)


def note_set_aside(client: "redis.Redis", shard: int, what: str, reason: str) -> None:
    """Notes that something was taken out of the shard, so that the rest goes on.

    Raises:
        redis.RedisError: Redis does not answer.
    """
    noted = _encode(SetAside(what, time.time(), reason))
    client.hset(keys.SHARDS_SET_ASIDE, str(shard), noted)


def shard_conditions(
    client: "redis.Redis", events: Any, readings: Readings | None = None
) -> list[ShardCondition]:
    """How all shards do.

    Args:
        client: of the server of ``REDIS_URL``.
        events: of the nodes that have the shards.
        readings: where what cannot be read is noted.

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
        for shard, scored in enumerate(scored_ticks(events, readings))
    ]


def _seconds_since(begun: float | None, now: float) -> float | None:
    return None if begun is None else max(0.0, now - begun)


def scored_ticks(events: Any, readings: Readings | None = None) -> list[int | None]:
    """The last tick that each shard has scored; None before its first, or where nobody can tell.

    Args:
        readings: where what cannot be read is noted.

    Raises:
        redis.RedisError: Redis does not answer.
    """
    names = [keys.scored_tick(shard) for shard in range(keys.SHARD_COUNT)]
    with events.pipeline(transaction=False) as pipeline:
        for name in names:
            pipeline.get(name)
        found = (readings or Readings()).answers(pipeline, names)
    return [int(tick) if (tick or b"").isdigit() else None for tick in found]


def _kept(noted: SetAside | None, now: float) -> SetAside | None:
    is_kept = noted is not None and now - noted.time < SET_ASIDE_LIFETIME_SECONDS
    return noted if is_kept else None
