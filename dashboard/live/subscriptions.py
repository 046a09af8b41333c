"""Who is looking at what, so that the scorer sends nothing that nobody sees."""

import time
from typing import Any, NamedTuple

import numpy as np
import redis
import redis.asyncio
from django.conf import settings
from numpy.typing import NDArray
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from dashboard.losses import losses
from sessions_app.redis_access import keys
from sessions_app.telemetry.counters import queue_counters

RENEWAL_SECONDS = 20
# Clocks differ from machine to machine, and may be set: by less than two minutes that is no matter.
LIFETIME_SECONDS = 180
NO_LONG_WAIT: dict[str, Any] = {
    "socket_timeout": 5,
    "socket_connect_timeout": 5,
    "retry": Retry(NoBackoff(), 0),
    # By default every new connection reads from disk which version the library has.
    "driver_info": None,
}

ALL_EVENTS = "events.all"


def session_group(session_id: int) -> str:
    """The group of a session's pages."""
    return f"session.{session_id}"


def event_group(event_id: int) -> str:
    """The group of the overviews on which an event's sessions stand."""
    return f"event.{event_id}"


def event_of_group(group: str) -> int:
    """The key of the event of an :func:`event_group`."""
    return int(group.removeprefix("event."))


class WatchedGroups(NamedTuple):
    """What somebody is looking at.

    Attributes:
        session_ids: sessions whose page is open.
        event_ids: events whose sessions stand on an open overview.
        all_events: whether an overview of all events is open.
    """

    session_ids: frozenset[int] = frozenset()
    event_ids: frozenset[int] = frozenset()
    all_events: bool = False


def watched_groups(client: "redis.Redis") -> WatchedGroups:
    """What is being watched now; forgets what nobody has renewed.

    Nothing for as long as pages may be in groups of keys that mean something else by now
    (:mod:`sessions_app.shards.database_epochs`).
    """
    now = time.time()
    with client.pipeline(transaction=False) as pipeline:
        pipeline.zremrangebyscore(keys.WATCHED_GROUPS, "-inf", now)
        pipeline.zrange(keys.WATCHED_GROUPS, 0, -1)
        pipeline.exists(keys.DATABASE_CHANGED)
        _, found, has_changed = pipeline.execute()
    names = [] if has_changed else [name.decode() for name in found]
    return WatchedGroups(
        frozenset(_numbers(names, "session.")),
        frozenset(_numbers(names, "event.")),
        ALL_EVENTS in names,
    )


def watched_rows(metrics: NDArray[np.void], watched: WatchedGroups) -> NDArray[np.bool_]:
    """Which of a tick's metrics somebody is looking at."""
    if watched.all_events:
        return np.ones(len(metrics), dtype=np.bool_)
    sessions = np.isin(metrics["session_id"], list(watched.session_ids))
    events = np.isin(metrics["event_id"], list(watched.event_ids))
    chosen: NDArray[np.bool_] = sessions | events
    return chosen


def _numbers(names: list[str], prefix: str) -> list[int]:
    return [int(name.removeprefix(prefix)) for name in names if name.startswith(prefix)]


async def renew_all(sockets: list[tuple[frozenset[str], str]]) -> list[None]:
    """Notes that somebody is looking, for the next minutes.

    The connection lasts as long as the call: one that is kept open is dead after an outage.

    Args:
        sockets: the groups of each, and its channel, by which open sockets are counted.

    Raises:
        redis.RedisError: Redis does not answer.
    """
    expiry = time.time() + LIFETIME_SECONDS
    groups = frozenset().union(*(groups for groups, _ in sockets))
    async with _connection() as client, client.pipeline(transaction=False) as pipeline:
        if groups:
            pipeline.zadd(keys.WATCHED_GROUPS, dict.fromkeys(groups, expiry))
        pipeline.zadd(keys.OPEN_SOCKETS, {socket: expiry for _, socket in sockets})
        counted = losses.take()
        queue_counters(pipeline, counted)
        try:
            await pipeline.execute()
        except redis.RedisError:
            losses.put_back(counted)
            raise
    return [None] * len(sockets)


async def forget_socket(socket: str) -> None:
    """Notes that a page's socket is closed.

    Raises:
        redis.RedisError: Redis does not answer; it is forgotten within minutes.
    """
    async with _connection() as client:
        await client.zrem(keys.OPEN_SOCKETS, socket)


def count_open_sockets(client: "redis.Redis") -> int:
    """How many sockets of pages are open; forgets those that nobody has renewed."""
    client.zremrangebyscore(keys.OPEN_SOCKETS, "-inf", time.time())
    return int(client.zcard(keys.OPEN_SOCKETS))


def _connection() -> "redis.asyncio.Redis":
    return redis.asyncio.Redis.from_url(settings.REDIS_URL, **NO_LONG_WAIT)
