"""Who is looking at what, so that the scorer sends nothing that nobody sees."""

import time
from collections.abc import Iterable
from typing import Any, NamedTuple

import redis
import redis.asyncio
from django.conf import settings
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from sessions_app import keys

RENEWAL_SECONDS = 20
LIFETIME_SECONDS = 60
NO_LONG_WAIT: dict[str, Any] = {
    "socket_timeout": 5,
    "socket_connect_timeout": 5,
    "retry": Retry(NoBackoff(), 0),
}

ALL_EVENTS = "events.all"


def session_group(session_id: int) -> str:
    """The group of a session's pages."""
    return f"session.{session_id}"


def event_group(event_id: int) -> str:
    """The group of the overviews on which an event's sessions stand."""
    return f"event.{event_id}"


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
    """What is being watched now; forgets what nobody has renewed."""
    now = time.time()
    with client.pipeline(transaction=False) as pipeline:
        pipeline.zremrangebyscore(keys.WATCHED_GROUPS, "-inf", now)
        pipeline.zrange(keys.WATCHED_GROUPS, 0, -1)
        names = [name.decode() for name in pipeline.execute()[1]]
    return WatchedGroups(
        frozenset(_numbers(names, "session.")),
        frozenset(_numbers(names, "event.")),
        ALL_EVENTS in names,
    )


def _numbers(names: list[str], prefix: str) -> list[int]:
    return [int(name.removeprefix(prefix)) for name in names if name.startswith(prefix)]


async def renew(groups: Iterable[str]) -> None:
    """Notes that somebody is looking at ``groups``, for the next minute.

    The connection lasts as long as the call: one kept open by each page would mostly be idle, and
    dead after an outage.

    Raises:
        redis.RedisError: Redis does not answer.
    """
    expiries = dict.fromkeys(groups, time.time() + LIFETIME_SECONDS)
    if expiries:
        async with redis.asyncio.Redis.from_url(settings.REDIS_URL, **NO_LONG_WAIT) as client:
            await client.zadd(keys.WATCHED_GROUPS, expiries)
