"""The pipeline on a real cluster of three nodes: the same rows as on one, also after a crash."""

import json
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
import redis

from sessions_app.ingest.collector import Collector
from sessions_app.ingest.watermark import has_passed
from sessions_app.redis_access import keys
from sessions_app.redis_access.client import (
    cluster_client,
    look_up_nodes_again,
    server_time_ms,
    shard_client,
)
from sessions_app.simulation.live.cast import CHARACTERS
from sessions_app.simulation.live.conference import Conference
from sessions_app.telemetry.outages import SERVER_ERRORS as OUTAGES
from sessions_app.telemetry.pipeline_status import pipeline_status
from sessions_app.ticks import TICK_MS, tick_at
from tests.integration.test_oracle import FIRST_TICK, assert_equal, clear, process, stored_rows
from tests.oracle import LoggedEvent, expected_rows
from tests.pipeline import collect_all, collector, score_all, step_until, total
from tests.platform import chat, post, publish
from tests.servers.valkey_cluster import Cluster

pytestmark = [pytest.mark.integration, pytest.mark.django_db(transaction=True)]

MESSAGES = 300


@pytest.fixture
def cluster(
    running_cluster: Cluster, redis_client: "redis.Redis", settings: Any
) -> Iterator[Cluster]:
    """An empty cluster, beside an empty server for what is small."""
    settings.REDIS_CLUSTER_URL = running_cluster.url
    cluster_client(redis_client).flushall()
    yield running_cluster
    look_up_nodes_again()


@pytest.fixture
def events(cluster: Cluster, redis_client: "redis.Redis") -> Any:
    return cluster_client(redis_client)


def conference() -> list[LoggedEvent]:
    return [
        (FIRST_TICK * TICK_MS + int(event.offset_s * 1000), event.channel, event.payload)
        for event in Conference(CHARACTERS, "conference", seed=1).events(duration_s=200)
    ]


def test_rows_are_the_same_as_on_one_server(
    redis_client: "redis.Redis", cluster: Cluster, events: Any, settings: Any
) -> None:
    log = conference()
    last = tick_at(log[-1][0])
    ends = [*range(FIRST_TICK, last, 7), last]
    settings.REDIS_CLUSTER_URL = ""
    process(redis_client, log, ends)
    on_one = stored_rows()
    clear(redis_client)
    settings.REDIS_CLUSTER_URL = cluster.url
    process(redis_client, log, ends)
    on_three = stored_rows()
    assert on_three == on_one
    assert_equal(on_three, expected_rows(log, last))
    shards = {
        shard_client(redis_client, shard).connection_pool.connection_kwargs["port"]
        for shard in range(keys.SHARD_COUNT)
    }
    assert shards == {node.server.port for node in cluster.nodes}


def test_streams_and_pubsub_of_all_nodes_are_read_and_the_watermark_waits_for_them(
    redis_client: "redis.Redis", events: Any
) -> None:
    with collector() as running:
        step_until(running, lambda: running.subscriber.subscribed)
        for channel in keys.CHANNELS:
            post(events, channel, b"not JSON")
        post(events, keys.CHAT_MESSAGE, chat("m1"))
        publish(events, keys.CHAT_MESSAGE, chat("m2"))
        end = server_time_ms(redis_client) // TICK_MS * TICK_MS + TICK_MS
        step_until(running, lambda: has_passed(redis_client, end))
        status = pipeline_status(redis_client)
    score_all(redis_client, tick_at(end) - 1)
    assert total("chat_count") == 2
    assert status.dead_letters == len(keys.CHANNELS)
    assert {stream.length for stream in status.streams} == {1, 2}
    assert sum(stream.backlog or 0 for stream in status.streams) == 0


@pytest.mark.timeout(180)
def test_a_node_that_is_killed_costs_nothing_once_it_is_back(
    redis_client: "redis.Redis", cluster: Cluster, events: Any
) -> None:
    with collector() as running:
        first = tick_at(server_time_ms(redis_client))
        score_all(redis_client, first - 1)
        post_to_all(events, 0)
        collect_all(events, running)
        for node in cluster.nodes:
            node.kill()
            with pytest.raises(OUTAGES):
                step_a_while(running)
            with pytest.raises(OUTAGES):
                score_all(redis_client, first)
            node.start()
            cluster.wait_until_ready()
            look_up_nodes_again()
            start(running)
        post_to_all(events, MESSAGES)
        collect_all(events, running)
        last = tick_at(server_time_ms(redis_client))
        score_all(redis_client, last)
        score_all(redis_client, last)
    for number in range(10):
        assert total("chat_count", f"room-{number}") == 2 * MESSAGES / 10
    rows = stored_rows()
    for number in range(10):
        ticks = sorted(tick for session, tick in rows if session == f"room-{number}")
        assert ticks == [*range(ticks[0], last + 1)]


def post_to_all(events: Any, first: int) -> None:
    """Chat in ten sessions, which lie in shards of all nodes."""
    with events.pipeline(transaction=False) as pipeline:
        for number in range(first, first + MESSAGES):
            message = chat(f"m{number}", session=f"room-{number % 10}", eventId="e1")
            pipeline.xadd(keys.CHAT_MESSAGE, {"data": json.dumps(message)})
        pipeline.execute()


def step_a_while(running: Collector) -> None:
    for _ in range(200):
        running.step()


def start(running: Collector) -> None:
    """As the collector's process does: again, until it succeeds."""
    for _ in range(20):
        with suppress(*OUTAGES):
            running.start()
            running.step()
            return
    raise AssertionError("the collector does not start again")
