"""Floods of users, voters, polls, messages, sessions and events: state stays within its limits."""

import json
from collections.abc import Callable, Iterable
from typing import Any

import psutil
import pytest
import redis

from sessions_app.models import PollMoment
from sessions_app.redis_access import keys
from sessions_app.state.polls import MAXIMUM_POLLS
from sessions_app.state.presence import MAXIMUM_USERS
from sessions_app.telemetry.counters import FORGOTTEN, read_counters
from tests.pipeline import collect, now_tick, rows, score_all, total
from tests.platform import chat, user, vote

pytestmark = [pytest.mark.integration, pytest.mark.django_db(transaction=True)]

MEGABYTE = 1024 * 1024
FLOOD = MAXIMUM_USERS + 20_000
POLLS = 3_000


def post_all(client: redis.Redis, channel: str, payloads: Iterable[dict[str, Any]]) -> None:
    pipeline = client.pipeline(transaction=False)
    for number, payload in enumerate(payloads, 1):
        pipeline.xadd(channel, {"data": json.dumps(payload)})
        if not number % 5_000:
            pipeline.execute()
    pipeline.execute()


def score(client: redis.Redis, ticks_later: int = 0) -> None:
    """Collects everything that was posted, and scores it."""
    collect(client, batch_size=5_000)
    score_all(client, now_tick(client) + ticks_later)


def state_bytes(client: redis.Redis, *names: Callable[[int], str]) -> int:
    """What the state of all shards takes on Redis."""
    sizes = (
        client.memory_usage(name(shard)) for name in names for shard in range(keys.SHARD_COUNT)
    )
    return sum(size or 0 for size in sizes)


@pytest.mark.timeout(300)
def test_users_without_end_in_one_session(redis_client: redis.Redis) -> None:
    before = psutil.Process().memory_info().rss
    post_all(redis_client, keys.SYNC_EVENTS, (user("user_join", f"u{n}") for n in range(FLOOD)))
    post_all(redis_client, keys.POLL_VOTE, (vote(f"v{n}") for n in range(20_000)))
    post_all(redis_client, keys.CHAT_MESSAGE, (chat("m", session="calm"),))
    score(redis_client)
    # All of them are counted; who would be remembered beyond the limit is not.
    assert total("join_count") == FLOOD
    assert rows()[-1].total_users == FLOOD + 20_000
    assert read_counters(redis_client)[FORGOTTEN] == FLOOD + 20_000 - MAXIMUM_USERS
    assert total("chat_count", "calm") == 1
    assert state_bytes(redis_client, keys.shard_presence) < MAXIMUM_USERS * 20
    assert state_bytes(redis_client, keys.shard_voters) < 20_000 * 20
    assert psutil.Process().memory_info().rss - before < 300 * MEGABYTE


def test_polls_without_end_in_one_session(redis_client: redis.Redis) -> None:
    post_all(redis_client, keys.POLL_VOTE, (vote("u1", f"poll {n}") for n in range(POLLS)))
    score(redis_client)
    assert total("vote_count") == POLLS
    assert rows()[-1].poll_participation <= 1
    assert PollMoment.objects.count() <= MAXIMUM_POLLS
    assert state_bytes(redis_client, keys.shard_polls, keys.shard_voters) < MAXIMUM_POLLS * 200 * 2
