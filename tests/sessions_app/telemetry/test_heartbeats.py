"""Signs of life of beat and workers."""

import pytest
import redis

from sessions_app.redis_access import keys
from sessions_app.redis_access.client import server_time_ms
from sessions_app.telemetry.heartbeats import (
    BEAT,
    WORKER,
    heartbeat_ages,
    note_heartbeat,
    reads_keyed_blocks,
)

pytestmark = pytest.mark.integration
NOW = 1_000_000


def test_ages_are_by_the_clock_of_redis(redis_client: redis.Redis) -> None:
    assert heartbeat_ages(redis_client, NOW) == {BEAT: None, WORKER: None}
    note_heartbeat(redis_client, BEAT)
    now = server_time_ms(redis_client)
    ages = heartbeat_ages(redis_client, now + 5_000)
    assert 5 <= ages[BEAT] < 8
    assert ages[WORKER] is None
    assert heartbeat_ages(redis_client, now - 60_000)[BEAT] == 0


def test_whoever_was_last_at_work_tells_what_workers_read(redis_client: redis.Redis) -> None:
    assert reads_keyed_blocks(redis_client, NOW)  # nobody is there
    # A worker of the release before notes itself only.
    redis_client.hset(keys.HEARTBEATS, WORKER, NOW)
    assert not reads_keyed_blocks(redis_client, NOW)
    assert not reads_keyed_blocks(redis_client, NOW + 60_000)
    assert reads_keyed_blocks(redis_client, NOW + 60_001)  # it may be gone
    note_heartbeat(redis_client, WORKER)
    now = server_time_ms(redis_client)
    assert reads_keyed_blocks(redis_client, now)
    redis_client.hset(keys.HEARTBEATS, WORKER, now + 1)
    assert not reads_keyed_blocks(redis_client, now)
