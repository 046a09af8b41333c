"""The status of the pipeline from Redis: backlog, rates, dead letters, last scored tick."""

from typing import Any

import msgspec
import redis

from sessions_app.redis_access import keys
from sessions_app.redis_access.client import cluster_client, server_time_ms
from sessions_app.telemetry.heartbeats import PROCESSES, heartbeat_ages
from sessions_app.telemetry.outages import is_outage
from sessions_app.telemetry.readings import Readings
from sessions_app.telemetry.shard_conditions import ShardCondition, shard_conditions
from sessions_app.ticks import tick_end_ms

COLLECTOR_IS_ALIVE_MS = 5_000


class StreamStatus(msgspec.Struct):
    """One of the platform's streams.

    Attributes:
        length: number of entries; None if it is not a stream.
        backlog: number of entries not read yet; None if Redis does not know.
        pending: number of entries read but not delivered yet.
    """

    name: str
    length: int | None
    backlog: int | None
    pending: int


class PipelineStatus(msgspec.Struct):
    """The pipeline at a glance.

    Attributes:
        collectors: status report of each running collector, by name.
        dead_letters: number kept; None if unknown.
        lost_tables: number of unreadable tables kept by the shards; None if unknown.
        scored_tick_age_seconds: time since the end of the last tick that all shards have scored;
            None before the first, and if unknown.
        heartbeat_ages_seconds: age of the last heartbeat of beat and workers; None if none.
        shards: condition of each shard, in order.
        unreadable: why a key cannot be read, by key.
    """

    streams: list[StreamStatus]
    collectors: dict[str, dict[str, float]]
    totals: dict[str, int]
    dead_letters: int | None
    lost_tables: int | None
    scored_tick_age_seconds: float | None
    heartbeat_ages_seconds: dict[str, float | None]
    shards: list[ShardCondition]
    unreadable: dict[str, str]


def pipeline_status(client: "redis.Redis") -> PipelineStatus:
    """The state of the pipeline now.

    Raises:
        redis.RedisError: Redis does not answer.
    """
    now_ms = server_time_ms(client)
    cluster, readings = cluster_client(client), Readings()
    names = _collectors(client, now_ms, readings)
    totals = _hash(client, keys.COLLECTOR_TOTALS, readings)
    shards = shard_conditions(client, cluster, readings)
    return PipelineStatus(
        streams=[_stream_status(cluster, name, readings) for name in keys.CHANNELS],
        collectors={name: _hash(client, keys.collector_status(name), readings) for name in names},
        totals={name: int(value) for name, value in totals.items()},
        dead_letters=readings.read(
            keys.DEAD_LETTERS, lambda: int(cluster.xlen(keys.DEAD_LETTERS)), None
        ),
        lost_tables=_lost_tables(cluster, readings),
        scored_tick_age_seconds=_age([shard.scored_tick for shard in shards], now_ms),
        heartbeat_ages_seconds=_heartbeats(client, now_ms, readings),
        shards=shards,
        unreadable=readings.problems,
    )


def _collectors(client: "redis.Redis", now_ms: int, readings: Readings) -> list[str]:
    def ask() -> list[bytes]:
        return list(client.zrangebyscore(keys.COLLECTORS, now_ms - COLLECTOR_IS_ALIVE_MS, "+inf"))

    return [name.decode(errors="replace") for name in readings.read(keys.COLLECTORS, ask, [])]


def _hash(client: "redis.Redis", key: str, readings: Readings) -> dict[str, float]:
    return readings.numbers(key, readings.read(key, lambda: client.hgetall(key), {}))


def _heartbeats(client: "redis.Redis", now_ms: int, readings: Readings) -> dict[str, float | None]:
    unknown: dict[str, float | None] = dict.fromkeys(PROCESSES)
    return readings.read(keys.HEARTBEATS, lambda: heartbeat_ages(client, now_ms), unknown)


def _stream_status(client: "redis.Redis", name: str, readings: Readings) -> StreamStatus:
    length = readings.read(name, lambda: int(client.xlen(name)), None)
    try:
        groups = client.xinfo_groups(name) if length is not None else []
    except redis.ResponseError as error:
        if is_outage(error):
            raise
        groups = []  # the stream does not exist yet
    ours: dict[str, Any] = next(
        (group for group in groups if group["name"] == keys.CONSUMER_GROUP.encode()), {}
    )
    return StreamStatus(name, length, ours.get("lag"), ours.get("pending", 0))


def _age(scored: list[int | None], now_ms: int) -> float | None:
    known = [tick for tick in scored if tick is not None]
    if len(known) < len(scored):
        return None
    return max(0.0, (now_ms - tick_end_ms(min(known))) / 1000)


def _lost_tables(cluster: Any, readings: Readings) -> int | None:
    names = [keys.shard_set_aside(shard) for shard in range(keys.SHARD_COUNT)]
    with cluster.pipeline(transaction=False) as pipeline:
        for name in names:
            pipeline.llen(name)
        found = readings.answers(pipeline, names)
    return None if None in found else sum(found)
