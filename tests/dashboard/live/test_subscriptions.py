"""Who is looking at what."""

import time

import pytest
import redis

from dashboard.live.subscriptions import (
    ALL_EVENTS,
    LIFETIME_SECONDS,
    RENEWAL_SECONDS,
    WatchedGroups,
    count_open_sockets,
    event_group,
    renew_subscriptions,
    session_group,
    watched_groups,
)
from sessions_app.redis_access import keys

pytestmark = pytest.mark.integration


async def test_what_is_renewed_is_watched(redis_client: redis.Redis) -> None:
    pages = [({session_group(7)}, "a"), ({session_group(8), event_group(3)}, "b")]
    await renew_subscriptions([(frozenset(groups), socket) for groups, socket in pages])
    assert watched_groups(redis_client) == WatchedGroups(frozenset({7, 8}), frozenset({3}))
    assert count_open_sockets(redis_client) == 2
    await renew_subscriptions([(frozenset({ALL_EVENTS}), "c")])
    assert watched_groups(redis_client).all_events


async def test_a_page_without_groups_is_open_and_watches_nothing(redis_client: redis.Redis) -> None:
    await renew_subscriptions([(frozenset(), "a")])
    assert watched_groups(redis_client) == WatchedGroups()
    assert count_open_sockets(redis_client) == 1


async def test_watching_lasts_longer_than_two_renewals(redis_client: redis.Redis) -> None:
    await renew_subscriptions([(frozenset({session_group(7)}), "a")])
    [(_, expiry)] = redis_client.zrange(keys.WATCHED_GROUPS, 0, -1, withscores=True)
    assert expiry - time.time() == pytest.approx(LIFETIME_SECONDS, abs=5)
    assert LIFETIME_SECONDS > 2 * RENEWAL_SECONDS


def test_what_has_expired_is_forgotten(redis_client: redis.Redis) -> None:
    now = time.time()
    redis_client.zadd(keys.WATCHED_GROUPS, {"session.1": now - 1, "session.2": now + 60})
    assert watched_groups(redis_client) == WatchedGroups(frozenset({2}))
    assert redis_client.zrange(keys.WATCHED_GROUPS, 0, -1) == [b"session.2"]
