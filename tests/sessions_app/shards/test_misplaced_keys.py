"""A key that is not what its name says stops nobody: by the task of the tick, on real servers."""

import inspect

import pytest
import redis

from engagement_conductor import tasks
from engagement_conductor.pipeline import dispatch
from sessions_app.redis_access import keys
from sessions_app.shards.shard_store import ShardStore
from sessions_app.telemetry.counters import SET_ASIDE, read_counters
from sessions_app.telemetry.shard_conditions import read_failures, scored_ticks
from sessions_app.ticks import TICK_MS
from tests.pipeline import rows, updates_told
from tests.two_shards import BAD, GOOD, SHARD, TwoShards

pytestmark = [pytest.mark.integration, pytest.mark.django_db(transaction=True)]

OF_A_SHARD = [
    function
    for name, function in vars(keys).items()
    if inspect.isfunction(function)
    and [*inspect.signature(function).parameters] == ["shard"]
    # It is written over, whatever it is, and never read.
    and function not in (keys.shard_probe, keys.tables_of_shard)
]


class TickTask(TwoShards):
    """The two sessions, scored by the task that beat sends."""

    def score(self) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(tasks, "server_time_ms", lambda _: (self.tick + 1) * TICK_MS)
            tasks.score_tick()

    def misplace(self, key: str) -> None:
        """A set, as which nothing of ours is kept."""
        self.client.delete(key)
        self.client.sadd(key, "somebody's")


@pytest.fixture
def stage(redis_client: redis.Redis, new_worker: None, monkeypatch: pytest.MonkeyPatch) -> TickTask:
    monkeypatch.setattr(dispatch, "_wait_for_watermark", lambda *_: True)
    for task in (tasks.score_shards, tasks.score_slow_shards):
        monkeypatch.setattr(task, "apply_async", lambda to, task=task, **_: task(*to))
    made = TickTask(redis_client)
    made.begin()
    return made


def is_all_right(stage: TickTask, ticks: int) -> None:
    assert scored_ticks(stage.client) == [stage.tick] * keys.SHARD_COUNT
    assert not read_failures(stage.client)
    for name in (BAD, GOOD):
        assert [row.chat_count for row in rows(name)] == [1] * ticks, "not a message is lost"
        assert rows(name)[-1].active_users == 30


def test_keys_of_another_type_are_moved_away_before_a_tick(stage: TickTask) -> None:
    for played, key in enumerate(keys.TYPES, 1):
        stage.misplace(key)
        stage.score()
        stage.play()
        is_all_right(stage, ticks=2 + played)
        assert stage.client.smembers(keys.misplaced(key)) == {b"somebody's"}, key
        assert 0 < stage.client.ttl(keys.misplaced(key)) <= 7 * 86_400
        assert read_counters(stage.client)[f"{SET_ASIDE}:misplaced"] >= 1


def test_a_shards_keys_of_another_type_are_set_aside_in_the_next_tick(stage: TickTask) -> None:
    for played, key in enumerate(OF_A_SHARD, 1):
        name = key(SHARD)
        stage.misplace(name)
        if key is keys.shard_lock:
            stage.score()
        stage.play()
        is_all_right(stage, ticks=2 + played)
        what = keys.part_of_shard(name)
        assert stage.client.smembers(keys.set_aside(SHARD, what)) == {b"somebody's"}, what
        assert read_counters(stage.client)[f"{SET_ASIDE}:{what}"] == 1


def test_all_that_a_shard_keeps_has_a_type() -> None:
    assert {*keys.SHARD_TYPES, keys.shard_lock} == set(OF_A_SHARD)
    assert set(keys.SHARD_STATE) < set(keys.SHARD_TYPES)


def test_counters_that_are_no_numbers_stop_no_collector(stage: TickTask) -> None:
    totals = stage.client.hgetall(keys.COLLECTOR_TOTALS)
    stage.client.hset(keys.COLLECTOR_TOTALS, "events", "junk")
    figure = f"received:{keys.CHAT_MESSAGE}:stream"
    stage.client.hset(keys.COUNTERS, mapping={figure: "nan", "tick_seconds": "1e-05"})
    with pytest.raises(redis.ResponseError):
        stage.client.hincrby(keys.COLLECTOR_TOTALS, "events", 1)
    stage.score()
    stage.play()
    is_all_right(stage, ticks=3)
    assert int(totals[b"events"]) > int(stage.client.hget(keys.COLLECTOR_TOTALS, "events")) > 0
    figures = read_counters(stage.client)
    assert figures[figure] == 2
    assert figures["tick_seconds"] > 1e-05
    assert figures[f"{SET_ASIDE}:misplaced"] == 2


def test_a_lock_that_never_ends_is_no_lock(stage: TickTask) -> None:
    stage.client.set(keys.shard_lock(SHARD), "somebody's")
    stage.client.set(keys.SLOW_LANE, "somebody's")
    stage.client.set(keys.SUBSCRIBER_LEASE, "somebody's")
    stage.play()
    stage.play()
    is_all_right(stage, ticks=4)
    tasks.score_slow_shards([SHARD], stage.tick)
    assert not stage.client.exists(keys.SLOW_LANE, keys.SUBSCRIBER_LEASE)


@pytest.mark.parametrize("junk", ["junk", "1e9", "-5", ""])
def test_where_the_number_of_the_last_tick_is_junk_none_is_scored_again(
    stage: TickTask, junk: str
) -> None:
    stage.client.set(keys.scored_tick(SHARD), junk)
    stage.play()
    is_all_right(stage, ticks=3)


def test_whoever_was_frozen_does_not_set_the_number_of_the_last_tick_back(
    stage: TickTask,
) -> None:
    ShardStore(stage.client, SHARD).restore_scored(stage.tick - 7)
    assert scored_ticks(stage.client)[SHARD] == stage.tick


@pytest.mark.parametrize("lost", [(), (keys.shard_windows,)], ids=["number", "number and windows"])
def test_where_the_number_of_the_last_tick_is_lost_none_is_scored_again(
    stage: TickTask, lost: tuple[object, ...]
) -> None:
    before = [(row.time, row.score) for row in rows(BAD)]
    stage.client.delete(keys.scored_tick(SHARD), *(key(SHARD) for key in lost))
    with updates_told(stage.client) as told:
        stage.play()
    is_all_right(stage, ticks=3)
    assert [(row.time, row.score) for row in rows(BAD)][:2] == before
    assert len(told) == 2, "one for each session"
