"""Live sessions and their events, delivered the way the collector does."""

from collections.abc import Iterator

import numpy as np
import redis
from django.utils import timezone

from sessions_app.events.blocks import COLUMNS, Block, Mention
from sessions_app.events.decoding import EventKind
from sessions_app.ingest.delivery import queue_delivery
from sessions_app.models import EngagementMetric, Event, Session
from sessions_app.redis_access import keys
from sessions_app.ticks import TICK_MS

USERS_PER_SESSION = 20
EVENTS_PER_SESSION = 2


def register(size: int, events: int) -> list[str]:
    """Replaces all sessions by ``size`` live ones, spread over events; returns their names."""
    EngagementMetric.objects.all().delete()
    Event.objects.all().delete()
    now = timezone.now()
    Event.objects.bulk_create(
        Event(external_id=f"event-{number}", title=f"Event {number}") for number in range(events)
    )
    rows = list(Event.objects.all())
    names = [f"session-{number:06d}" for number in range(size)]
    Session.objects.bulk_create(
        (
            Session(
                external_id=name,
                title=name,
                event=rows[number % len(rows)],
                started_at=now,
                last_seen_at=now,
            )
            for number, name in enumerate(names)
        ),
        batch_size=5_000,
    )
    return names


def joins(size: int) -> np.ndarray:
    """A join for every user of every session."""
    events = np.zeros(size * USERS_PER_SESSION, COLUMNS)
    events["kind"] = EventKind.JOIN
    events["session"] = np.repeat(np.arange(size), USERS_PER_SESSION)
    events["user"] = np.tile(np.arange(1, USERS_PER_SESSION + 1), size)
    events["order"] = np.arange(len(events))
    return events


def activity(size: int, random_numbers: np.random.Generator) -> np.ndarray:
    """Two events per session: mostly chat, some reactions, some joins and leaves."""
    count = size * EVENTS_PER_SESSION
    events = np.zeros(count, COLUMNS)
    kinds = [EventKind.CHAT, EventKind.REACTION, EventKind.JOIN, EventKind.LEAVE]
    events["kind"] = random_numbers.choice(kinds, count, p=[0.7, 0.2, 0.05, 0.05])
    events["session"] = np.tile(np.arange(size), EVENTS_PER_SESSION)
    events["user"] = random_numbers.integers(1, USERS_PER_SESSION + 1, count)
    events["subject"] = random_numbers.integers(1, 2**63, count)
    events["order"] = np.arange(count)
    return events


def deliver(client: redis.Redis, tick: int, names: list[str], events: np.ndarray) -> None:
    """Delivers the events of a tick to where the scorer reads them."""
    with client.pipeline(transaction=False) as pipeline:
        queue_delivery(pipeline, _blocks(tick, names, events))
        pipeline.execute()


def _blocks(tick: int, names: list[str], events: np.ndarray) -> Iterator[tuple[int, Block]]:
    # A distinct entry ID for each event: equal IDs would count once.
    events["time"], events["sequence"] = tick * TICK_MS, np.arange(len(events))
    events["keyed"] = True
    shards = np.array([keys.shard_of(name) for name in names])
    for shard in range(keys.SHARD_COUNT):
        members = np.flatnonzero(shards == shard)
        chosen = events[np.isin(events["session"], members)]
        if len(chosen):
            chosen["session"] = np.searchsorted(members, chosen["session"])
            mentions = [Mention(names[number], None) for number in members]
            yield shard, Block(tick, b"%d" % tick, mentions, chosen)
