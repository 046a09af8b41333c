"""A turn at a shard, on real servers: what is missing is scored, by one worker at a time."""

import pytest
import redis

from engagement_conductor.pipeline.caches import WorkerCaches
from engagement_conductor.pipeline.catching_up import catch_up
from engagement_conductor.pipeline.turn import Turn
from sessions_app.redis_access import keys
from sessions_app.ticks import CATCH_UP_TICKS, TICK_MS, tick_at, tick_end
from tests.pipeline import (
    collect_all,
    collect_chat,
    collector,
    rows,
    score_all,
    score_shard,
    start_of,
)
from tests.platform import chat, post, user

pytestmark = [pytest.mark.integration, pytest.mark.django_db(transaction=True)]


def test_missed_ticks_are_caught_up_in_order(redis_client: redis.Redis) -> None:
    start = start_of(redis_client, 40)
    for tick in range(0, 30, 3):
        collect_chat(redis_client, start + tick * TICK_MS)
    score_all(redis_client, tick_at(start) + 29)
    assert [row.chat_count for row in rows()] == [1, 0, 0] * 10


def test_ticks_beyond_ten_minutes_are_given_up(redis_client: redis.Redis) -> None:
    start = start_of(redis_client, 300)
    with collector() as running:
        post(redis_client, keys.CHAT_MESSAGE, chat("m1"), f"{start}-0")
        post(redis_client, keys.SYNC_EVENTS, user("user_join", "stays"), f"{start}-1")
        collect_all(redis_client, running)
    score_all(redis_client, tick_at(start))
    now = tick_at(start) + 290
    score_all(redis_client, now)
    stored = rows()
    assert len(stored) == 1 + CATCH_UP_TICKS
    assert stored[1].time == tick_end(now - CATCH_UP_TICKS + 1)
    assert (stored[-1].chat_msgs_per_min, stored[-1].active_users) == (0, 1)


def test_a_held_lock_leaves_the_shard_to_its_holder(redis_client: redis.Redis) -> None:
    start = start_of(redis_client, 5)
    collect_chat(redis_client, start)
    shard = keys.shard_of("s1")
    redis_client.set(keys.shard_lock(shard), "another", px=60_000)
    assert score_shard(redis_client, shard, tick_at(start)) == 0


def test_a_worker_that_has_lost_its_lock_leaves_the_rest(redis_client: redis.Redis) -> None:
    start = start_of(redis_client, 5)
    collect_chat(redis_client, start)
    shard = keys.shard_of("s1")
    score_shard(redis_client, shard, tick_at(start))

    def lost() -> None:
        raise redis.exceptions.LockNotOwnedError("somebody else has it")

    turn = Turn(redis_client, shard, WorkerCaches(redis_client))
    assert catch_up(turn, tick_at(start) + 3, lost) == 1
    assert len(rows()) == 2
