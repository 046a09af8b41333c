"""From collectors to scorers: blocks of events on Redis lists, one per shard and tick."""

from collections.abc import Iterable
from typing import Any

from sessions_app import keys
from sessions_app.blocks import Block, encode_block
from sessions_app.ticks import CATCH_UP_TICKS, TICK_SECONDS

# Longer than a tick can wait to be scored; also how long a redelivered event is still recognised.
RETENTION_SECONDS = CATCH_UP_TICKS * TICK_SECONDS * 2

# Decides at one instant whether the tick is still open, which no reader could.
_DELIVER = """
local scored = tonumber(redis.call('GET', KEYS[1]) or '-1')
local list = KEYS[2]
if scored >= tonumber(ARGV[1]) then list = KEYS[3] end
redis.call('RPUSH', list, ARGV[3])
redis.call('EXPIRE', list, ARGV[2])
return list == KEYS[3] and 1 or 0
"""


def queue_delivery(pipeline: Any, blocks: Iterable[tuple[int, Block]]) -> None:
    """Queues blocks, given with their shards, on a Redis pipeline.

    A block of a tick that has been scored already goes to the shard's late list. The answer to each
    is 1 for a late block, else 0. Delivering again is harmless: the scorer knows batches and
    entries.
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
        )
