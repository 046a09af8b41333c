"""A product in which everything works, and is asked each time."""

import time

import pytest
import redis

from dashboard.monitoring import probe
from sessions_app.redis_access import keys
from sessions_app.telemetry.heartbeats import PROCESSES, note_heartbeat
from sessions_app.ticks import tick_at


@pytest.fixture(autouse=True)
def _ask_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "FRESH_SECONDS", 0.0)


@pytest.fixture
def working(redis_client: redis.Redis) -> redis.Redis:
    """The Redis of a product in which everything works."""
    set_scored(redis_client, ticks_ago=0)
    redis_client.zadd(keys.COLLECTORS, {"c1": int(time.time() * 1000)})
    redis_client.hset(keys.collector_status("c1"), "events", 7)
    for process in PROCESSES:
        note_heartbeat(redis_client, process)
    return redis_client


def set_scored(client: redis.Redis, ticks_ago: int) -> None:
    tick = tick_at(int(time.time() * 1000)) - 1 - ticks_ago
    client.mset({keys.scored_tick(shard): tick for shard in range(keys.SHARD_COUNT)})
