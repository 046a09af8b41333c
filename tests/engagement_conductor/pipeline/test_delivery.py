"""What a tick has led to is stored, then published, whatever cannot be read of it."""

import msgspec
import pytest
import redis

from sessions_app.outcomes.outbox import FIXED_VERSION
from sessions_app.redis_access import keys
from sessions_app.telemetry.counters import SET_ASIDE, named, read_counters
from sessions_app.ticks import tick_at, tick_end
from tests.pipeline import (
    collect_chat,
    failing,
    rows,
    score_all,
    score_shard,
    start_of,
    updates_told,
)

pytestmark = [pytest.mark.integration, pytest.mark.django_db(transaction=True)]


def test_results_of_an_unknown_version_do_not_stop_the_shard(redis_client: redis.Redis) -> None:
    start = start_of(redis_client, 8)
    collect_chat(redis_client, start, count=2)
    score_all(redis_client, tick_at(start))
    redis_client.set(keys.shard_outbox(keys.shard_of("s1")), b"from the future")
    score_all(redis_client, tick_at(start) + 1)
    assert [row.chat_count for row in rows()] == [2, 0]


def test_what_cannot_be_read_of_an_outcome_is_set_aside_once(redis_client: redis.Redis) -> None:
    start = start_of(redis_client, 8)
    collect_chat(redis_client, start, count=2)
    score_all(redis_client, tick_at(start))
    shard = keys.shard_of("s1")
    damaged = msgspec.msgpack.encode(
        (FIXED_VERSION, tick_at(start), ["s1"], b"?", [], [3], [], b"")
    )
    redis_client.set(keys.shard_outbox(shard), damaged)
    store = "sessions_app.outcomes.session_parts.end_sessions"
    for _ in range(3):
        with failing(store), pytest.raises(ConnectionError):
            score_shard(redis_client, shard, tick_at(start) + 1)
    assert read_counters(redis_client).get(named(SET_ASIDE, "results"), 0) == 0
    score_shard(redis_client, shard, tick_at(start) + 1)
    assert redis_client.llen(keys.set_aside(shard, "results")) == 1
    assert read_counters(redis_client)[named(SET_ASIDE, "results")] == 1
    assert [row.chat_count for row in rows()] == [2, 0]


def test_an_update_is_published_for_every_session_after_it_is_stored(
    redis_client: redis.Redis,
) -> None:
    start = start_of(redis_client, 5)
    collect_chat(redis_client, start, "s1", 4)
    collect_chat(redis_client, start, "s2", 1)
    with updates_told(redis_client) as told:
        score_all(redis_client, tick_at(start))
    assert len(told) == 2
    updates = {update["sessionId"]: update for update in told}
    assert set(updates) == {"s1", "s2"}
    row = rows("s1")[0]
    assert updates["s1"] == {
        "timestamp": tick_end(tick_at(start)).isoformat(),
        "sessionId": "s1",
        "eventId": "e1",
        "score": row.score,
        "category": row.category,
        "signals": {
            "chat_msgs_per_min": 4.0,
            "poll_participation": 0.0,
            "active_users": 1,
            "total_users": 1,
            "reactions_per_min": 0.0,
            "user_leave_rate": 0.0,
        },
    }
