"""Drives the real collector and scorer step by step, for tests that control the time."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest
import redis

from engagement_conductor.pipeline import catching_up
from engagement_conductor.pipeline.caches import WorkerCaches
from sessions_app.ingest.collector import Collector
from sessions_app.models import EngagementMetric
from sessions_app.redis_access import keys
from sessions_app.redis_access.client import connect, server_time_ms
from sessions_app.ticks import TICK_MS, tick_at
from tests.platform import chat, post


def now_tick(client: "redis.Redis") -> int:
    """The tick that is running, by the clock of Redis."""
    return tick_at(server_time_ms(client))


def start_of(client: "redis.Redis", ticks_ago: int) -> int:
    """When a tick began, in ms."""
    return (tick_at(server_time_ms(client)) - ticks_ago) * TICK_MS


@contextmanager
def collector(name: str = "test", batch_size: int = 1_000) -> Iterator[Collector]:
    """A running collector that reads the streams from the start; stopped when the block ends."""
    running = Collector(lambda: connect(protocol=2), name, batch_size)
    for channel in keys.CHANNELS:
        with suppress(redis.ResponseError):  # an existing group keeps its position
            running.events.xgroup_create(channel, keys.CONSUMER_GROUP, id="0", mkstream=True)
    running.start()
    try:
        yield running
    finally:
        running.stop()


def step_until(running: Collector, condition: Callable[[], bool], seconds: float = 60.0) -> None:
    """Runs a collector until ``condition`` is true; fails if it is not in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"the condition was not true within {seconds:g} s")
        running.step()


def collect_all(client: "redis.Redis", running: Collector) -> None:
    """Runs a collector until the streams are read and acknowledged."""

    def done() -> bool:
        return all(
            group["lag"] == 0 and group["pending"] == 0
            for channel in keys.CHANNELS
            for group in client.xinfo_groups(channel)
            if group["name"] == keys.CONSUMER_GROUP.encode()
        )

    step_until(running, done)
    running.step()


def collect(client: "redis.Redis", batch_size: int = 1_000) -> None:
    """Has a new collector read and acknowledge the streams."""
    with collector(batch_size=batch_size) as running:
        collect_all(client, running)


def collect_chat(client: "redis.Redis", start: int, session: str = "s1", count: int = 1) -> None:
    """Posts messages of a session of the event ``e1`` at a time in ms, and collects them."""
    for number in range(count):
        message = chat(f"{start}-{number}", session=session, eventId="e1")
        post(client, keys.CHAT_MESSAGE, message, f"{start}-*")
    collect(client)


def score_shard(client: "redis.Redis", shard: int, up_to_tick: int) -> int:
    """Scores a shard like a newly started worker, without caches from earlier calls."""
    return catching_up.score_shard(client, shard, up_to_tick, WorkerCaches(client))


def score_all(client: "redis.Redis", tick: int) -> None:
    """Scores all shards up to ``tick``."""
    for shard in range(keys.SHARD_COUNT):
        score_shard(client, shard, tick)


class Stage:
    """Plays tick by tick, from five minutes ago on."""

    def __init__(self, client: "redis.Redis") -> None:
        self.client = client
        self.tick = now_tick(client) - 60

    def play(self, *happened: tuple[str, Any]) -> None:
        """One tick later: collects what happened, payloads by their channels, and scores it."""
        self.tick += 1
        with collector() as running:
            for channel, payload in happened:
                post(self.client, channel, payload, f"{self.tick * TICK_MS + 1}-*")
            collect_all(self.client, running)
        self.score()

    def score(self) -> None:
        score_all(self.client, self.tick)


def score_now(client: "redis.Redis") -> None:
    """Scores everything that has been collected, the running tick included."""
    score_all(client, now_tick(client))


@contextmanager
def failing(step: str, error: Exception | None = None) -> Iterator[None]:
    """Lets a function, by its full name, fail; without an error as if the worker were killed."""

    def fail(*_: object) -> None:
        raise error or ConnectionError("the worker is killed here")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(step, fail)
        yield


@contextmanager
def updates_told(client: "redis.Redis") -> Iterator[list[dict[str, Any]]]:
    """Afterwards holds the updates that the platform was told meanwhile."""
    told: list[dict[str, Any]] = []
    with client.pubsub(ignore_subscribe_messages=True) as listener:
        listener.subscribe(keys.ENGAGEMENT_UPDATE)
        listener.get_message(timeout=5)  # that it listens
        yield told
        while message := listener.get_message(timeout=0.3):
            told.append(json.loads(message["data"]))


def total(column: str, session: str = "s1") -> int:
    """The sum of a column over all stored ticks of a session."""
    rows = EngagementMetric.objects.filter(session__external_id=session)
    return sum(rows.values_list(column, flat=True))


def rows(session: str = "s1") -> list[EngagementMetric]:
    """The stored rows of a session in order of time."""
    return list(EngagementMetric.objects.filter(session__external_id=session).order_by("time"))
