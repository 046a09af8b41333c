"""Whose turn it is at a shard."""

import pytest
import redis

from engagement_conductor.pipeline import tick as pipeline
from sessions_app.redis_access import keys
from sessions_app.ticks import tick_at
from tests.pipeline import collect_chat, rows, score_shard, start_of

pytestmark = [pytest.mark.integration, pytest.mark.django_db(transaction=True)]


def test_two_workers_at_one_shard_score_it_once(
    redis_client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = start_of(redis_client, 5)
    collect_chat(redis_client, start, count=2)
    shard, tick = keys.shard_of("s1"), tick_at(start)
    advance = pipeline.advance

    def interrupted(*arguments: object) -> object:
        monkeypatch.setattr(pipeline, "advance", advance)
        # The second worker comes while the first one calculates, whose lock has run out.
        redis_client.delete(keys.shard_lock(shard))
        assert score_shard(redis_client, shard, tick) == tick - first
        return advance(*arguments)

    score_shard(redis_client, shard, tick - 1)
    first = tick - 1
    monkeypatch.setattr(pipeline, "advance", interrupted)
    assert score_shard(redis_client, shard, tick) == 0
    assert [row.chat_count for row in rows()] == [2]
