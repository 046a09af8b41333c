"""From collectors to scorers: blocks of events on Redis lists, one per shard and tick."""

from collections.abc import Iterable
from enum import IntEnum
from typing import Any

from sessions_app.events.blocks import Block, encode_block
from sessions_app.redis_access import keys
from sessions_app.ticks import CATCH_UP_TICKS, TICK_SECONDS, tick_end_ms

# Longer than a tick can wait to be scored; also how long a redelivered event is still recognised.
RETENTION_SECONDS = CATCH_UP_TICKS * TICK_SECONDS * 2
# Well before the blocks of a tick expire with which a late one is to be compared. What comes later
# may have been counted, and nobody knows any more.
FENCE_SECONDS = RETENTION_SECONDS * 3 // 4


class Delivery(IntEnum):
    """What has become of a block."""

    IN_TIME = 0
    LATE = 1
    TOO_LATE = 2


# Decides at one instant whether the tick is still open, which no reader could.
_DELIVER = """
local scored = redis.pcall('GET', KEYS[1])
scored = type(scored) == 'string' and tonumber(scored) or -1
local list, delivery = KEYS[2], 0
if scored >= tonumber(ARGV[1]) then
    if tonumber(redis.call('TIME')[1]) > tonumber(ARGV[4]) then return 2 end
    list, delivery = KEYS[3], 1
end
local pushed = redis.pcall('RPUSH', list, ARGV[3])
if type(pushed) == 'table' and pushed.err then
    if not string.find(pushed.err, 'WRONGTYPE') then return pushed end
    -- What is no list is none of ours, and would stop all collectors.
    redis.call('DEL', list)
    redis.call('RPUSH', list, ARGV[3])
end
redis.call('EXPIRE', list, ARGV[2])
return delivery
"""


def is_behind_fence(tick: int, now_ms: int) -> bool:
    """Whether a late block of ``tick`` must not count any more at ``now_ms``."""
    return now_ms // 1000 > _fence(tick)


def _fence(tick: int) -> int:
    return tick_end_ms(tick) // 1000 + FENCE_SECONDS


def queue_delivery(pipeline: Any, blocks: Iterable[tuple[int, Block]]) -> None:
    """Queues blocks, given with their shards, on a Redis pipeline.

    A block of a tick that has been scored already goes to the shard's late list, unless it is older
    than :data:`FENCE_SECONDS`: then it is refused. The answer to each is a :class:`Delivery`.
    Delivering again is harmless: the scorer knows batches and entries.
    """
    for shard, block in blocks:
        # Not eval(), which redis-py forbids in pipelines of a cluster, where EVAL works as well.
        pipeline.execute_command(
            "EVAL",
            _DELIVER,
            3,
            keys.scored_tick(shard),
            keys.arrivals(shard, block.tick),
            keys.late_arrivals(shard),
            block.tick,
            RETENTION_SECONDS,
            encode_block(block),
            _fence(block.tick),
        )
