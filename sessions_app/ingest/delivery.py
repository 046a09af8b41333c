"""Delivery from collectors to scorers: blocks of events on Redis lists, one per shard and tick."""

from collections.abc import Iterable
from enum import IntEnum
from typing import Any

from sessions_app.events.blocks import Block, encode_block
from sessions_app.redis_access import keys
from sessions_app.ticks import CATCH_UP_TICKS, TICK_SECONDS, tick_end_ms

# Longer than a tick can wait to be scored; also how long redelivered events are recognised.
RETENTION_SECONDS = CATCH_UP_TICKS * TICK_SECONDS * 2
# Well before a tick's counted blocks expire, with which late ones are compared. After that, nobody
# could tell whether an event was already counted.
FENCE_SECONDS = RETENTION_SECONDS * 3 // 4


class Delivery(IntEnum):
    """What became of a block."""

    IN_TIME = 0
    LATE = 1
    TOO_LATE = 2


# A script, to check atomically whether the tick is still open.
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
    -- A value of another type is not ours, and would stop all collectors.
    redis.call('DEL', list)
    redis.call('RPUSH', list, ARGV[3])
end
redis.call('EXPIRE', list, ARGV[2])
return delivery
"""


def is_behind_fence(tick: int, now_ms: int) -> bool:
    """Whether a late block of ``tick`` no longer counts at ``now_ms``."""
    return now_ms // 1000 > _fence(tick)


def _fence(tick: int) -> int:
    return tick_end_ms(tick) // 1000 + FENCE_SECONDS


def queue_delivery(pipeline: Any, blocks: Iterable[tuple[int, Block]]) -> None:
    """Queues blocks, given with their shards, on a Redis pipeline.

    A block of a tick that was already scored goes to the shard's late list, or is refused if it is
    older than :data:`FENCE_SECONDS`. The reply to each is a :class:`Delivery`. Delivering a block
    again is harmless: the scorer recognises batches and entries.
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
