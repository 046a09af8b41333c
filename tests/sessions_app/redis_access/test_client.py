"""Connections to Redis, to one server and to a cluster."""

import time
from typing import Any

import pytest
import redis

from engagement_conductor.local_stack import ports
from sessions_app.redis_access import keys
from sessions_app.redis_access.client import (
    UNREACHABLE,
    cluster_client,
    connect,
    look_up_nodes_again,
    server_time_ms,
    shard_client,
)

pytestmark = pytest.mark.integration


def test_the_clock_is_that_of_the_server(redis_client: redis.Redis) -> None:
    before = time.time() * 1000
    assert before - 1_000 <= server_time_ms(redis_client) <= time.time() * 1000 + 1_000


def test_a_server_that_is_away_is_said_at_once(settings: Any) -> None:
    settings.REDIS_URL = f"redis://127.0.0.1:{ports.find_free()}"
    began = time.monotonic()
    with connect() as client, pytest.raises(UNREACHABLE):
        client.ping()
    assert time.monotonic() - began < 2


def test_without_a_cluster_everything_is_on_the_one_server(redis_client: redis.Redis) -> None:
    assert cluster_client(redis_client) is redis_client
    assert shard_client(redis_client, 3) is redis_client


def test_each_shard_is_on_a_node_of_the_cluster(
    redis_client: redis.Redis, running_cluster: Any, settings: Any
) -> None:
    settings.REDIS_CLUSTER_URL = running_cluster.url
    events = cluster_client(redis_client)
    assert cluster_client(redis_client) is events
    events.flushall()
    for shard in range(keys.SHARD_COUNT):
        # A plain client, whose node would refuse the keys of another.
        shard_client(redis_client, shard).set(keys.scored_tick(shard), shard)
        assert events.get(keys.scored_tick(shard)) == str(shard).encode()
    assert not redis_client.exists(keys.scored_tick(0))
    look_up_nodes_again()
    assert cluster_client(redis_client) is not events
    look_up_nodes_again()
