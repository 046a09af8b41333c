"""How the pipeline is doing, whatever lies on Redis."""

import pytest
import redis

from sessions_app.redis_access import keys
from sessions_app.redis_access.client import server_time_ms
from sessions_app.telemetry.heartbeats import BEAT, WORKER, note_heartbeat
from sessions_app.telemetry.pipeline_status import pipeline_status
from sessions_app.ticks import tick_at

pytestmark = pytest.mark.integration


def score(client: redis.Redis, tick: int) -> None:
    for shard in range(keys.SHARD_COUNT):
        client.set(keys.scored_tick(shard), tick)


def test_of_an_empty_server_nothing_is_known(redis_client: redis.Redis) -> None:
    status = pipeline_status(redis_client)
    assert [stream.name for stream in status.streams] == list(keys.CHANNELS)
    assert {(stream.length, stream.backlog, stream.pending) for stream in status.streams} == {
        (0, None, 0)
    }
    assert (status.collectors, status.totals, status.unreadable) == ({}, {}, {})
    assert (status.dead_letters, status.lost_tables) == (0, 0)
    assert status.scored_tick_age_seconds is None
    assert status.heartbeat_ages_seconds == {BEAT: None, WORKER: None}


def test_backlog_and_pending_are_told_apart(redis_client: redis.Redis) -> None:
    redis_client.xgroup_create(keys.POLL_VOTE, keys.CONSUMER_GROUP, id="0", mkstream=True)
    redis_client.xgroup_create(keys.POLL_VOTE, "another", id="0")
    for _ in range(5):
        redis_client.xadd(keys.POLL_VOTE, {"data": "x"})
    redis_client.xreadgroup(keys.CONSUMER_GROUP, "c", {keys.POLL_VOTE: ">"}, count=2)
    streams = {stream.name: stream for stream in pipeline_status(redis_client).streams}
    stream = streams[keys.POLL_VOTE]
    assert (stream.length, stream.backlog, stream.pending) == (5, 3, 2)


def test_collectors_that_are_alive_are_told(redis_client: redis.Redis) -> None:
    now = server_time_ms(redis_client)
    redis_client.zadd(keys.COLLECTORS, {"one": now, "gone": now - 60_000})
    redis_client.hset(keys.collector_status("one"), mapping={"events": "7", "odd": "x"})
    redis_client.hset(keys.COLLECTOR_TOTALS, mapping={"late_blocks": 3})
    status = pipeline_status(redis_client)
    assert status.collectors == {"one": {"events": 7}}
    assert status.totals == {"late_blocks": 3}
    assert list(status.unreadable) == [keys.collector_status("one")]


def test_the_age_is_that_of_the_shard_that_is_furthest_behind(redis_client: redis.Redis) -> None:
    tick = tick_at(server_time_ms(redis_client))
    score(redis_client, tick - 1)
    assert pipeline_status(redis_client).scored_tick_age_seconds < 5 + 3
    redis_client.set(keys.scored_tick(3), tick - 13)
    assert 60 <= pipeline_status(redis_client).scored_tick_age_seconds < 68
    redis_client.delete(keys.scored_tick(3))
    assert pipeline_status(redis_client).scored_tick_age_seconds is None


def test_what_is_set_aside_is_counted(redis_client: redis.Redis) -> None:
    redis_client.xadd(keys.DEAD_LETTERS, {"reason": "x"})
    for shard in (0, 5):
        redis_client.rpush(keys.shard_set_aside(shard), "a", "b")
    note_heartbeat(redis_client, BEAT)
    status = pipeline_status(redis_client)
    assert (status.dead_letters, status.lost_tables) == (1, 4)
    assert status.heartbeat_ages_seconds[BEAT] < 5


def test_what_is_of_another_type_hides_nothing_else(redis_client: redis.Redis) -> None:
    for key in (
        keys.SYNC_EVENTS,
        keys.DEAD_LETTERS,
        keys.COLLECTORS,
        keys.HEARTBEATS,
        keys.shard_set_aside(1),
    ):
        redis_client.set(key, "junk")
    score(redis_client, 10)
    status = pipeline_status(redis_client)
    assert {stream.length for stream in status.streams} == {0, None}
    assert (status.dead_letters, status.lost_tables, status.collectors) == (None, None, {})
    assert status.scored_tick_age_seconds > 0
    assert {keys.SYNC_EVENTS, keys.DEAD_LETTERS, keys.COLLECTORS} <= status.unreadable.keys()
