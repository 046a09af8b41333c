"""One scoring tick, storage and publishing included, at growing numbers of live sessions."""

import multiprocessing
import statistics
import time
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection

import numpy as np
import redis
from django.db import connections
from django.utils import timezone

from benchmarks.measurement import Measurement
from engagement_conductor.pipeline import score_shard
from sessions_app import keys
from sessions_app.arrivals import queue_delivery
from sessions_app.blocks import COLUMNS, Block, Mention
from sessions_app.connection import connect
from sessions_app.events import EventKind
from sessions_app.models import EngagementMetric, Event, Session
from sessions_app.ticks import TICK_SECONDS, tick_at

SIZES = (100, 1_000, 10_000, 100_000)
PROCESSES = 2
MEASURED_TICKS = 5
USERS_PER_SESSION = 20
EVENTS_PER_SESSION = 2
EVENTS_OF_ORGANIZERS = 50
SEED = 1


def measure(report: Callable[[str], None]) -> list[Measurement]:
    """Scores ticks of every size with two processes, as two Celery workers do."""
    measurements = []
    for size in SIZES:
        report(f"tick of {size:,} sessions")
        seconds, state_bytes = _measure_size(size)
        measurements.append(
            Measurement(f"tick_{size}", seconds, "s", float(TICK_SECONDS), "length of a tick")
        )
    measurements.append(
        Measurement(
            "state_bytes_per_session",
            state_bytes / SIZES[-1],
            "bytes",
            10_240.0,
            f"10 KB, with {USERS_PER_SESSION} users in each",
        )
    )
    return measurements


def _measure_size(size: int) -> tuple[float, int]:
    client = connect(socket_timeout=60)
    client.flushdb()
    EngagementMetric.objects.all().delete()
    Event.objects.all().delete()
    names = _register(size)
    first = tick_at(time.time_ns() // 1_000_000) - MEASURED_TICKS - 1
    random_numbers = np.random.default_rng(SEED)
    _deliver(client, first, names, _joins(size))
    workers = [_Worker(number) for number in range(PROCESSES)]
    _score(workers, first)
    seconds = []
    for tick in range(first + 1, first + 1 + MEASURED_TICKS):
        _deliver(client, tick, names, _activity(size, random_numbers))
        started = time.perf_counter()
        _score(workers, tick)
        seconds.append(time.perf_counter() - started)
    for worker in workers:
        worker.stop()
    stored = EngagementMetric.objects.count()
    if stored != size * (MEASURED_TICKS + 1):
        raise AssertionError(f"{stored} rows stored for {size} sessions")
    state_bytes = _state_bytes(client)
    client.flushdb()
    return statistics.median(seconds), state_bytes


def _register(size: int) -> list[str]:
    now = timezone.now()
    Event.objects.bulk_create(
        Event(external_id=f"event-{number}", title=f"Event {number}")
        for number in range(EVENTS_OF_ORGANIZERS)
    )
    events = list(Event.objects.all())
    names = [f"session-{number:06d}" for number in range(size)]
    Session.objects.bulk_create(
        (
            Session(
                external_id=name,
                title=name,
                event=events[number % len(events)],
                started_at=now,
                last_seen_at=now,
            )
            for number, name in enumerate(names)
        ),
        batch_size=5_000,
    )
    return names


def _joins(size: int) -> np.ndarray:
    """Every user of every session joins."""
    events = np.zeros(size * USERS_PER_SESSION, COLUMNS)
    events["kind"] = EventKind.JOIN
    events["session"] = np.repeat(np.arange(size), USERS_PER_SESSION)
    events["user"] = np.tile(np.arange(1, USERS_PER_SESSION + 1), size)
    events["order"] = np.arange(len(events))
    return events


def _activity(size: int, random_numbers: np.random.Generator) -> np.ndarray:
    """Two events per session: mostly chat, some reactions, some who leave and come back."""
    count = size * EVENTS_PER_SESSION
    events = np.zeros(count, COLUMNS)
    kinds = [EventKind.CHAT, EventKind.REACTION, EventKind.JOIN, EventKind.LEAVE]
    events["kind"] = random_numbers.choice(kinds, count, p=[0.7, 0.2, 0.05, 0.05])
    events["session"] = np.tile(np.arange(size), EVENTS_PER_SESSION)
    events["user"] = random_numbers.integers(1, USERS_PER_SESSION + 1, count)
    events["subject"] = random_numbers.integers(1, 2**63, count)
    events["order"] = np.arange(count)
    return events


def _deliver(client: redis.Redis, tick: int, names: list[str], events: np.ndarray) -> None:
    with client.pipeline(transaction=False) as pipeline:
        queue_delivery(pipeline, _blocks(tick, names, events))
        pipeline.execute()


def _blocks(tick: int, names: list[str], events: np.ndarray) -> Iterator[tuple[int, Block]]:
    shards = np.array([keys.shard_of(name) for name in names])
    for shard in range(keys.SHARD_COUNT):
        members = np.flatnonzero(shards == shard)
        chosen = events[np.isin(events["session"], members)]
        if len(chosen):
            chosen["session"] = np.searchsorted(members, chosen["session"])
            mentions = [Mention(names[number], None) for number in members]
            yield shard, Block(tick, b"%d" % tick, mentions, chosen)


def _state_bytes(client: redis.Redis) -> int:
    """What Redis holds of the sessions, without events on their way."""
    return sum(
        client.memory_usage(key, samples=0) or 0
        for shard in range(keys.SHARD_COUNT)
        for key in (
            keys.shard_windows(shard),
            keys.shard_detector(shard),
            keys.shard_audiences(shard),
            keys.shard_polls(shard),
            keys.shard_ballots(shard),
            keys.shard_identities(shard),
        )
    )


class _Worker:
    """A process that scores its share of the shards whenever it is told a tick."""

    def __init__(self, number: int) -> None:
        connections.close_all()
        self.pipe, theirs = multiprocessing.Pipe()
        context = multiprocessing.get_context("fork")
        self.process = context.Process(target=_work, args=(number, theirs), daemon=True)
        self.process.start()

    def stop(self) -> None:
        self.pipe.send(None)
        self.process.join()


def _work(number: int, pipe: Connection) -> None:
    client = connect(socket_timeout=60)
    while (tick := pipe.recv()) is not None:
        for shard in range(number, keys.SHARD_COUNT, PROCESSES):
            score_shard(client, shard, tick)
        pipe.send(tick)
    connections.close_all()


def _score(workers: list[_Worker], tick: int) -> None:
    for worker in workers:
        worker.pipe.send(tick)
    for worker in workers:
        worker.pipe.recv()
