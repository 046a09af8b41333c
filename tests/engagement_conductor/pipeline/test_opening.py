"""What a shard knows when it is opened, whatever has happened meanwhile."""

import pytest
import redis

from sessions_app.redis_access import keys
from sessions_app.ticks import TICK_MS, tick_at
from tests.pipeline import collect_chat, failing, rows, score_all, score_shard, start_of

pytestmark = [pytest.mark.integration, pytest.mark.django_db(transaction=True)]


@pytest.mark.parametrize("step", ["store_metrics", "publish_updates"])
def test_what_was_scored_but_not_stored_is_stored_first(
    redis_client: redis.Redis, step: str
) -> None:
    start = start_of(redis_client, 5)
    collect_chat(redis_client, start, count=2)
    shard, tick = keys.shard_of("s1"), tick_at(start)

    with failing(f"sessions_app.outcomes.session_parts.{step}"), pytest.raises(ConnectionError):
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
