"""Which shards are scored by which task, and in which order: slow ones must not keep the others."""

from collections.abc import Collection, Sequence
from typing import NamedTuple


class ShardLoad(NamedTuple):
    """What there is to be done for a shard.

    Attributes:
        size: of its windows, in bytes.
        seconds: that a tick has taken of late.
        scored: the last tick that was scored.
    """

    shard: int
    size: int
    seconds: float
    scored: int


class Lanes(NamedTuple):
    """The tasks of a tick.

    Attributes:
        usual: the shards of each task, in the order in which tasks are sent and shards are scored.
        slow: those that only one process is at.
    """

    usual: list[list[int]]
    slow: list[int]


def plan(loads: Sequence[ShardLoad], slow: Collection[int], tasks: int) -> Lanes:
    """Spreads the shards over the tasks of a tick.

    The largest are spread evenly. In a task the fast ones come first, so that one that is slow for
    the first time keeps nobody waiting. The task that is furthest behind comes first.

    Args:
        loads: of all shards.
        slow: the shards for a lane of their own.
        tasks: how many there may be, at least 1.
    """
    usual = sorted((load for load in loads if load.shard not in slow), key=lambda load: -load.size)
    parts = [part for number in range(tasks) if (part := usual[number::tasks])]
    parts.sort(key=lambda part: min(load.scored for load in part))
    apart = [load for load in loads if load.shard in slow]
    return Lanes([_fast_first(part) for part in parts], _fast_first(apart))


def _fast_first(loads: Sequence[ShardLoad]) -> list[int]:
    return [load.shard for load in sorted(loads, key=lambda load: (load.seconds, load.size))]
