"""Whose turn it is at a shard."""

import pytest
import redis

from engagement_conductor.pipeline import tick as pipeline
from engagement_conductor.pipeline.caches import WorkerCaches
from engagement_conductor.pipeline.turn import Turn
from sessions_app.redis_access import keys
from sessions_app.ticks import tick_at
from tests.engagement_conductor.pipeline.test_tick import collect_chat, start_of
from tests.pipeline import rows, score_shard

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
    assert pipeline.catch_up(turn, tick_at(start) + 3, lost) == 1
    assert len(rows()) == 2
