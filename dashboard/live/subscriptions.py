"""Which groups have open pages, so that the scorer sends nothing that nobody sees."""

import time
from typing import Any, NamedTuple

import redis
import redis.asyncio
from django.conf import settings
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from dashboard.http.losses import losses
from sessions_app.redis_access import keys
from sessions_app.telemetry.counters import queue_counters

RENEWAL_SECONDS = 20
# Long enough for clocks of machines that differ by up to two minutes, or are set meanwhile.
LIFETIME_SECONDS = 180
CLIENT_OPTIONS: dict[str, Any] = {
    "socket_timeout": 5,
    "socket_connect_timeout": 5,
    "retry": Retry(NoBackoff(), 0),
    # By default every new connection reads the version of the library from disk.
    "driver_info": None,
}

ALL_EVENTS = "events.all"


def session_group(session_id: int) -> str:
    """The group of the pages of a session, by its key."""
    return f"session.{session_id}"


def event_group(event_id: int) -> str:
    """The group of the overviews that show the sessions of an event, by its key."""
    return f"event.{event_id}"


def event_of_group(group: str) -> int:
    """The key of the event of an :func:`event_group`."""
    return int(group.removeprefix("event."))


class WatchedGroups(NamedTuple):
    """The groups with an open page.

    Attributes:
        session_ids: keys of sessions whose page is open.
        event_ids: keys of events whose sessions are on an open overview.
        all_events: whether an overview of all events is open.
    """

    session_ids: frozenset[int] = frozenset()
    event_ids: frozenset[int] = frozenset()
    all_events: bool = False


def watched_groups(client: "redis.Redis") -> WatchedGroups:
    """The groups that are watched now; removes those that were not renewed.

    Empty while pages may be in groups of keys that have come to mean other rows
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


def _numbers(names: list[str], prefix: str) -> list[int]:
    return [int(name.removeprefix(prefix)) for name in names if name.startswith(prefix)]


async def renew_subscriptions(sockets: list[tuple[frozenset[str], str]]) -> list[None]:
    """Keeps groups watched for the next minutes, and adds what was lost to the counters.

    Takes a connection of its own: one that is kept open would be dead after an outage.

    Args:
        sockets: the groups and the ID of each WebSocket.

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


async def remove_socket(socket: str) -> None:
    """A WebSocket, by its ID, no longer counts as open.

    Raises:
        redis.RedisError: Redis does not answer; it expires within minutes.
    """
    async with _connection() as client:
        await client.zrem(keys.OPEN_SOCKETS, socket)


def count_open_sockets(client: "redis.Redis") -> int:
    """How many WebSockets are open; removes those that were not renewed."""
    client.zremrangebyscore(keys.OPEN_SOCKETS, "-inf", time.time())
    return int(client.zcard(keys.OPEN_SOCKETS))


def _connection() -> "redis.asyncio.Redis":
    return redis.asyncio.Redis.from_url(settings.REDIS_URL, **CLIENT_OPTIONS)
