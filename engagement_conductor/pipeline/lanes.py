"""Distributes the shards over the tasks of a tick, so that slow ones do not delay the others."""

from collections.abc import Collection, Sequence
from typing import NamedTuple

from sessions_app.telemetry.shard_seconds import BUDGET_SECONDS


class ShardLoad(NamedTuple):
    """How much work a shard is.

    Attributes:
        size: of its windows, in bytes.
        seconds: the recent duration of its ticks.
        scored: the last tick that was scored.
    """

    shard: int
    size: int
    seconds: float
    scored: int


class Lanes(NamedTuple):
    """The tasks of a tick.

    Attributes:
        usual: the shards of each task, in the order in which they are scored; the tasks in the
            order in which they are sent.
        slow: the shards that one process at a time scores.
    """

    usual: list[list[int]]
    slow: list[int]


def plan(loads: Sequence[ShardLoad], slow: Collection[int], tasks: int) -> Lanes:
    """Distributes the shards over the tasks of a tick.

    The slow ones are distributed evenly first, then the largest of the others. Within a task the
    fast ones come first, so that a shard that has just become slow delays nobody. Tasks with a
    shard over its budget come last; of the others, the one furthest behind comes first.

    Args:
        loads: of all shards.
        slow: the shards for the slow lane.
        tasks: the largest number of tasks, at least 1.
    """
    usual = sorted((load for load in loads if load.shard not in slow), key=_heaviest_first)
    parts = [part for number in range(tasks) if (part := usual[number::tasks])]
    parts.sort(key=lambda part: (any(map(_is_slow, part)), min(load.scored for load in part)))
    apart = [load for load in loads if load.shard in slow]
    return Lanes([_fast_first(part) for part in parts], _fast_first(apart))


def _heaviest_first(load: ShardLoad) -> tuple[float, int]:
    return (-load.seconds if _is_slow(load) else 0.0, -load.size)


def _is_slow(load: ShardLoad) -> bool:
    return load.seconds > BUDGET_SECONDS


def _fast_first(loads: Sequence[ShardLoad]) -> list[int]:
    return [load.shard for load in sorted(loads, key=lambda load: (load.seconds, load.size))]
