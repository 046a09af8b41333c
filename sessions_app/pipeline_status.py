"""How the pipeline is doing, asked of Redis: backlog, rates, dead letters, last scored tick."""

from typing import Any

import msgspec
import redis

from sessions_app import keys
from sessions_app.connection import events_client
from sessions_app.heartbeats import heartbeat_ages
from sessions_app.shard_conditions import ShardCondition, scored_ticks, shard_conditions
from sessions_app.streams import server_time_ms
from sessions_app.ticks import tick_end_ms

COLLECTOR_IS_ALIVE_MS = 5_000


class StreamStatus(msgspec.Struct):
    """One of the platform's streams.

    Attributes:
        length: entries in it.
        backlog: entries that no collector has read; None where Redis cannot tell.
        pending: entries that a collector has read and not yet handed on.
    """

    name: str
    length: int
    backlog: int | None
    pending: int


class PipelineStatus(msgspec.Struct):
    """The pipeline at a glance.

    Attributes:
        collectors: what each running collector reports of itself, by name.
        scored_tick_age_seconds: how long ago the last tick ended that every shard has scored; None
            before the first.
        lost_tables: tables of the shards that could not be read, and are kept.
        heartbeat_ages_seconds: how long ago beat and a worker were last heard of; None for never.
        shards: how each of them does, in order.
    """

    streams: list[StreamStatus]
    collectors: dict[str, dict[str, float]]
    totals: dict[str, int]
    dead_letters: int
    lost_tables: int
    scored_tick_age_seconds: float | None
    heartbeat_ages_seconds: dict[str, float | None]
    shards: list[ShardCondition]


def pipeline_status(client: "redis.Redis") -> PipelineStatus:
    """The state of the pipeline now.

    Raises:
        redis.RedisError: Redis does not answer.
    """
    now_ms = server_time_ms(client)
    names = client.zrangebyscore(keys.COLLECTORS, now_ms - COLLECTOR_IS_ALIVE_MS, "+inf")
    totals = client.hgetall(keys.COLLECTOR_TOTALS)
    events = events_client(client)
    return PipelineStatus(
        streams=[_stream_status(events, name) for name in keys.CHANNELS],
        collectors={name.decode(): _collector_status(client, name.decode()) for name in names},
        totals={name.decode(): int(value) for name, value in totals.items()},
        dead_letters=events.xlen(keys.DEAD_LETTERS),
        lost_tables=_lost_tables(events),
        scored_tick_age_seconds=_scored_age(events, now_ms),
        heartbeat_ages_seconds=heartbeat_ages(client, now_ms),
        shards=shard_conditions(client, events),
    )


def _stream_status(client: "redis.Redis", name: str) -> StreamStatus:
    try:
        groups = client.xinfo_groups(name)
    except redis.ResponseError:  # the stream does not exist yet
        groups = []
    ours: dict[str, Any] = next(
        (group for group in groups if group["name"] == keys.CONSUMER_GROUP.encode()), {}
    )
    return StreamStatus(name, client.xlen(name), ours.get("lag"), ours.get("pending", 0))


def _collector_status(client: "redis.Redis", name: str) -> dict[str, float]:
    fields = client.hgetall(keys.collector_status(name))
    return {field.decode(): float(value) for field, value in fields.items()}


def _scored_age(client: "redis.Redis", now_ms: int) -> float | None:
    oldest = last_scored_tick(client)
    return None if oldest is None else max(0.0, (now_ms - tick_end_ms(oldest)) / 1000)


def _lost_tables(events: "redis.Redis") -> int:
    with events.pipeline(transaction=False) as pipeline:
        for shard in range(keys.SHARD_COUNT):
            pipeline.llen(keys.shard_set_aside(shard))
        return sum(pipeline.execute())


def last_scored_tick(events: "redis.Redis") -> int | None:
    """The last tick that every shard has scored; None before the first."""
    scored = scored_ticks(events)
    return None if None in scored else min(tick for tick in scored if tick is not None)
