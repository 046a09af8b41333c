"""Which shards are scored by which task, and in which order: slow ones must not keep the others."""

from collections.abc import Collection, Sequence
from typing import NamedTuple

from sessions_app.telemetry.shard_seconds import BUDGET_SECONDS


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

    The slowest are spread evenly, and the largest of the others. In a task the fast ones come
    first, so that one that is slow for the first time keeps nobody waiting. Tasks with a shard that
    is over its budget come last, and of the others the one that is furthest behind first.

    Args:
        loads: of all shards.
        slow: the shards for a lane of their own.
        tasks: how many there may be, at least 1.
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
