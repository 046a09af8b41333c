"""Tables that could not be read: set aside for a while, counted and logged."""

import logging
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from sessions_app.redis_access import keys
from sessions_app.state.packed_tables import LostTable

logger = logging.getLogger(__name__)

# Per shard: 16 shards with 100 tables of 8 KiB each are at most 13 MB.
MAXIMUM_KEPT = 100
MAXIMUM_DATA_BYTES = 8 * 1024
KEPT_SECONDS = 7 * 86_400
REPORT_SECONDS = 60.0


class KeptTable(msgspec.Struct, frozen=True):
    """A table that was set aside, as stored in a list: MessagePack.

    Attributes:
        kind: kind of table.
        session_id: database key; 0 if it belongs to the whole shard.
        time: Unix time in seconds.
        reason: what is wrong with it.
        size: of the whole table, in bytes; 0 if it was missing.
        data: its first :data:`MAXIMUM_DATA_BYTES` bytes.
    """

    kind: str
    session_id: int
    time: float
    reason: str
    size: int
    data: bytes


def queue_lost(
    pipeline: Any, shard: int, lost: Sequence[LostTable], session_ids: NDArray[np.int64]
) -> None:
    """Queues lost tables on a Redis pipeline, to be appended to a capped list.

    Args:
        pipeline: on the shard's node.
        shard: its number.
        lost: tables lost in one tick.
        session_ids: key of each row of the windows.
    """
    if not lost:
        return
    key, now = keys.shard_set_aside(shard), time.time()
    for table in lost[-MAXIMUM_KEPT:]:
        session_id = int(session_ids[table.row]) if table.row >= 0 else 0
        start = table.data[:MAXIMUM_DATA_BYTES]
        kept = KeptTable(table.kind, session_id, now, table.reason, len(table.data), start)
        pipeline.rpush(key, msgspec.msgpack.encode(kept))
    pipeline.ltrim(key, -MAXIMUM_KEPT, -1)
    pipeline.expire(key, KEPT_SECONDS)


class LostTableLog:
    """Logs lost tables, at most once a minute."""

    def __init__(self) -> None:
        self._kinds: Counter[tuple[str, str]] = Counter()
        self._reported_at = float("-inf")

    def report(self, shard: int, lost: Sequence[LostTable]) -> None:
        """Counts them by kind and reason; logs a line if the last one is a minute old."""
        self._kinds.update((table.kind, table.reason) for table in lost)
        now = time.monotonic()
        if not self._kinds or now - self._reported_at < REPORT_SECONDS:
            return
        (kind, reason), count = self._kinds.most_common(1)[0]
        logger.error(
            "Lost %d session tables, most of them (%d) of kind %s: %s. See the list %s.",
            self._kinds.total(),
            count,
            kind,
            reason,
            keys.shard_set_aside(shard),
        )
        self._kinds.clear()
        self._reported_at = now
