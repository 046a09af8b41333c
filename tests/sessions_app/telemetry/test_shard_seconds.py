"""How long shards take, and which of them are set apart."""

import time

import pytest
import redis

from sessions_app.redis_access import keys
from sessions_app.telemetry.shard_seconds import (
    BUDGET_SECONDS,
    MAXIMUM_FAULTY_SHARDS,
    begin_work,
    end_work,
    read_seconds,
    shards_apart,
)

pytestmark = pytest.mark.integration


def test_one_slow_tick_sets_a_shard_apart_and_fast_ones_bring_it_back(
    redis_client: "redis.Redis",
) -> None:
    def pass_tick(seconds: float) -> bool:
        before = begin_work(redis_client, 5)
        end_work(redis_client, 5, seconds, before)
        return 5 in shards_apart(read_seconds(redis_client))

    assert not pass_tick(0.1)
    assert pass_tick(22.0)
    assert [pass_tick(0.1) for _ in range(4)] == [True, True, False, False]


def test_a_worker_that_died_at_a_shard_counts_as_slow(redis_client: "redis.Redis") -> None:
    begin_work(redis_client, 5)
    redis_client.hset(keys.SHARDS_AT_WORK, "5", time.time() - 20)
    begin_work(redis_client, 5)
    assert shards_apart(read_seconds(redis_client)) == {5}


def test_where_most_are_slow_none_is_to_blame() -> None:
    slow = dict.fromkeys(range(MAXIMUM_FAULTY_SHARDS), BUDGET_SECONDS * 2)
    assert shards_apart(slow) == set(slow)
    assert shards_apart({**slow, MAXIMUM_FAULTY_SHARDS: BUDGET_SECONDS * 2}) == set()


def test_of_slow_shards_that_keep_up_only_the_slowest_is_set_apart() -> None:
    assert shards_apart({3: 2.7, 9: 2.8}) == {9}, "one lane cannot do both in five seconds"
    assert shards_apart({3: 2.7, 9: 2.7}) == {9}
    assert shards_apart({3: 2.7, 5: 22.0, 9: 12.0}) == {5, 9}, "which never keep up"
