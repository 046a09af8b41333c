"""Which shards are scored by which task, and in which order."""

from itertools import chain

from hypothesis import given
from hypothesis import strategies as st

from engagement_conductor.pipeline.lanes import ShardLoad, plan


def load(shard: int, size: int = 0, seconds: float = 0.0, scored: int = 0) -> ShardLoad:
    return ShardLoad(shard, size, seconds, scored)


def test_the_largest_are_spread_and_the_fast_come_first() -> None:
    loads = [load(shard, size=100 - shard, seconds=float(9 - shard)) for shard in range(8)]
    assert plan(loads, set(), 2).usual == [[6, 4, 2, 0], [7, 5, 3, 1]]


def test_slow_shards_have_a_lane_of_their_own_fast_ones_first() -> None:
    loads = [load(0), load(1, seconds=22.0), load(2, seconds=3.0), load(3)]
    lanes = plan(loads, {1, 2}, 4)
    assert lanes.slow == [2, 1]
    assert sorted(chain(*lanes.usual)) == [0, 3]


def test_what_is_furthest_behind_is_sent_first() -> None:
    loads = [load(shard, size=10 - shard, scored=5 - (shard == 2)) for shard in range(4)]
    assert plan(loads, set(), 4).usual == [[2], [0], [1], [3]]


def test_slow_ones_that_stay_are_spread_and_keep_no_other_task_waiting() -> None:
    loads = [load(0, 9), load(1, 8), load(2, 7, 2.7, scored=-5), load(3, 6, 2.8), load(4), load(5)]
    assert plan(loads, set(), 3).usual == [[5, 0], [4, 2], [1, 3]]


@given(
    st.lists(st.tuples(st.integers(0, 9), st.floats(0, 9), st.integers(0, 9)), max_size=16),
    st.sets(st.integers(0, 15)),
    st.integers(1, 5),
)
def test_each_shard_is_in_one_place(
    figures: list[tuple[int, float, int]], slow: set[int], tasks: int
) -> None:
    loads = [load(shard, *each) for shard, each in enumerate(figures)]
    lanes = plan(loads, slow, tasks)
    assert sorted(chain(*lanes.usual, lanes.slow)) == list(range(len(loads)))
    assert set(lanes.slow) == slow & set(range(len(loads)))
    assert len(lanes.usual) <= tasks
    assert all(lanes.usual)
