"""Setting aside parts of a shard that cannot be processed, so that the rest continues.

They are kept unchanged for seven days, the last one of each kind. They are counted, recorded for
the health check and the system page, and logged.
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
    """Renames a key of a shard; False if it does not exist.

    Args:
        node: the node with the shard.
        what: a word for the part.

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
    """Keeps single items that were set aside; only the last :data:`MAXIMUM_PIECES`.

    Raises:
        redis.RedisError: Redis does not answer.
    """
    aside = keys.set_aside(shard, what)
    if node.type(aside) not in (b"none", b"list"):
        node.delete(aside)  # a foreign value there must not block setting aside
    with node.pipeline(transaction=True) as pipeline:
        queue_pieces(pipeline, aside, pieces)
        pipeline.execute()


def queue_pieces(
    pipeline: Any, key: str, pieces: Iterable[bytes], most: int = MAXIMUM_PIECES
) -> None:
    """Queues commands that append pieces to a list, which keeps the last ``most``."""
    pipeline.rpush(key, *pieces)
    pipeline.ltrim(key, -most, -1)
    pipeline.expire(key, SET_ASIDE_LIFETIME_SECONDS)


def report_set_aside(client: "redis.Redis", shard: int, what: str, count: int, reason: str) -> None:
    """Counts, records and logs what was set aside.

    Args:
        client: of the server of ``REDIS_URL``.
        what: a word for the part.
        count: how many.
        reason: why, in one line.

    Raises:
        redis.RedisError: Redis does not answer.
    """
    client.hincrbyfloat(keys.COUNTERS, named(SET_ASIDE, what), count)
    note_set_aside(client, shard, what, reason)
    text = f"Shard %d: {what} set aside (%d): %s"  # in the text: one line a minute for each part
    log_once_a_minute(logger, logging.ERROR, text, shard, count, reason)
