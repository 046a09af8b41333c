"""What a shard knows when it is opened, whatever has happened meanwhile."""

import pytest
import redis

from sessions_app.outcomes import session_parts
from sessions_app.redis_access import keys
from sessions_app.ticks import CATCH_UP_TICKS, TICK_MS, tick_at, tick_end
from tests.engagement_conductor.pipeline.test_tick import collect_chat, start_of
from tests.pipeline import collect_all, collector, rows, score_all, score_shard
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


@pytest.mark.parametrize("step", ["store_metrics", "publish_updates"])
def test_what_was_scored_but_not_stored_is_stored_first(
    redis_client: redis.Redis, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    start = start_of(redis_client, 5)
    collect_chat(redis_client, start, count=2)
    shard, tick = keys.shard_of("s1"), tick_at(start)

    def fail(*_: object) -> None:
        raise ConnectionError("the worker is killed here")

    with monkeypatch.context() as patch:
        patch.setattr(session_parts, step, fail)
        with pytest.raises(ConnectionError):
            score_shard(redis_client, shard, tick)
    assert redis_client.exists(keys.shard_outbox(shard))
    score_shard(redis_client, shard, tick + 1)
    assert [row.chat_count for row in rows()] == [2, 0]
    assert not redis_client.exists(keys.shard_outbox(shard))


def test_windows_of_an_unknown_version_are_rebuilt(redis_client: redis.Redis) -> None:
    start = start_of(redis_client, 8)
    collect_chat(redis_client, start, count=2)
    score_all(redis_client, tick_at(start) + 1)
    redis_client.set(keys.shard_windows(keys.shard_of("s1")), b"from the future")
    collect_chat(redis_client, start + 3 * TICK_MS)
    score_all(redis_client, tick_at(start) + 4)
    assert [row.chat_count for row in rows()] == [2, 0, 0, 1, 0]
