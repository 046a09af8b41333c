"""Who is looking at what."""

import time

import pytest
import redis

from dashboard.watching import (
    ALL_EVENTS,
    LIFETIME_SECONDS,
    RENEWAL_SECONDS,
    WatchedGroups,
    event_group,
    renew,
    session_group,
    watched_groups,
)
from sessions_app import keys

pytestmark = pytest.mark.integration


async def test_what_is_renewed_is_watched(redis_client: redis.Redis) -> None:
    await renew([session_group(7), session_group(8), event_group(3)])
    assert watched_groups(redis_client) == WatchedGroups(frozenset({7, 8}), frozenset({3}))
    await renew([ALL_EVENTS])
    assert watched_groups(redis_client).all_events


async def test_renewing_nothing_watches_nothing(redis_client: redis.Redis) -> None:
    await renew([])
    assert watched_groups(redis_client) == WatchedGroups()


async def test_watching_lasts_longer_than_two_renewals(redis_client: redis.Redis) -> None:
    await renew([session_group(7)])
    [(_, expiry)] = redis_client.zrange(keys.WATCHED_GROUPS, 0, -1, withscores=True)
    assert expiry - time.time() == pytest.approx(LIFETIME_SECONDS, abs=5)
    assert LIFETIME_SECONDS > 2 * RENEWAL_SECONDS


def test_what_has_expired_is_forgotten(redis_client: redis.Redis) -> None:
    now = time.time()
    redis_client.zadd(keys.WATCHED_GROUPS, {"session.1": now - 1, "session.2": now + 60})
    assert watched_groups(redis_client) == WatchedGroups(frozenset({2}))
    assert redis_client.zrange(keys.WATCHED_GROUPS, 0, -1) == [b"session.2"]
