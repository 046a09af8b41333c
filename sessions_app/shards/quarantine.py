"""Taking out of a shard what cannot be worked on, so that the rest goes on.

What was taken out is kept for seven days, as it was; of each kind the last. It is counted, noted
for health and the system page, and logged.
"""

import logging
from collections.abc import Iterable
from typing import Any

import redis

from sessions_app.redis_access import keys
from sessions_app.telemetry.counters import SET_ASIDE, named
from sessions_app.telemetry.once_a_minute import log_once_a_minute
from sessions_app.telemetry.shard_conditions import SET_ASIDE_LIFETIME_SECONDS, note_set_aside

logger = logging.getLogger(__name__)

MAXIMUM_PIECES = 1_000


def set_aside_key(node: "redis.Redis", shard: int, key: str, what: str) -> bool:
    """Renames a key of a shard; False where there is none.

    Args:
        node: that has the shard.
        what: a word for it.

    Raises:
        redis.RedisError: Redis does not answer.
    """
    aside = keys.set_aside(shard, what)
    if not node.exists(key):
        return False
    with node.pipeline(transaction=True) as pipeline:
        pipeline.rename(key, aside)
        pipeline.expire(aside, SET_ASIDE_LIFETIME_SECONDS)
        pipeline.execute()
    return True


def keep_pieces(node: "redis.Redis", shard: int, what: str, pieces: Iterable[bytes]) -> None:
    """Keeps single things that were taken out; of very many the last.

    Raises:
        redis.RedisError: Redis does not answer.
    """
    aside = keys.set_aside(shard, what)
    if node.type(aside) not in (b"none", b"list"):
        node.delete(aside)  # whoever has put it there: nothing may stand in the way of this
    with node.pipeline(transaction=True) as pipeline:
        queue_pieces(pipeline, aside, pieces)
        pipeline.execute()


def queue_pieces(
    pipeline: Any, key: str, pieces: Iterable[bytes], most: int = MAXIMUM_PIECES
) -> None:
    """Queues on a pipeline that pieces are appended to a list that keeps the last ``most``."""
    pipeline.rpush(key, *pieces)
    pipeline.ltrim(key, -most, -1)
    pipeline.expire(key, SET_ASIDE_LIFETIME_SECONDS)


def tell_set_aside(client: "redis.Redis", shard: int, what: str, count: int, reason: str) -> None:
    """Counts, notes and logs what was taken out.

    Args:
        client: of the server of ``REDIS_URL``.
        what: a word for it.
        count: how many of them.
        reason: why, in one line.

    Raises:
        redis.RedisError: Redis does not answer.
    """
    client.hincrbyfloat(keys.FIGURES, named(SET_ASIDE, what), count)
    note_set_aside(client, shard, what, reason)
    text = f"Shard %d: {what} set aside (%d): %s"  # a line a minute for each kind
    log_once_a_minute(logger, logging.ERROR, text, shard, count, reason)
