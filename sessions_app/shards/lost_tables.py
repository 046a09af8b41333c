"""Tables that could not be read: set aside for a while, counted and logged."""

import logging
import time
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from sessions_app.redis_access import keys
from sessions_app.shards.quarantine import queue_pieces
from sessions_app.state.packed_tables import LostTable
from sessions_app.telemetry.once_a_minute import MinuteSummary

logger = logging.getLogger(__name__)

# Per shard: 16 shards with 100 tables of 8 KiB each are at most 13 MB.
MAXIMUM_KEPT = 100
MAXIMUM_DATA_BYTES = 8 * 1024


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
    kept = [_kept(table, session_ids, now) for table in lost[-MAXIMUM_KEPT:]]
    queue_pieces(pipeline, key, map(msgspec.msgpack.encode, kept), MAXIMUM_KEPT)


def _kept(table: LostTable, session_ids: NDArray[np.int64], now: float) -> KeptTable:
    return KeptTable(
        kind=table.kind,
        session_id=int(session_ids[table.row]) if table.row >= 0 else 0,
        time=now,
        reason=table.reason,
        size=len(table.data),
        data=table.data[:MAXIMUM_DATA_BYTES],
    )


class LostTableLog:
    """Logs lost tables, at most once a minute."""

    def __init__(self) -> None:
        self._summary = MinuteSummary()

    def report(self, shard: int, lost: Sequence[LostTable]) -> None:
        """Counts them by kind and reason; logs a line if the last one is a minute old."""
        self._summary.add((table.kind, table.reason) for table in lost)
        if (summary := self._summary.due()) is not None:
            kind, reason = summary.kind
            logger.error(
                "Lost %d session tables, most of them (%d) of kind %s: %s. See the list %s.",
                summary.total,
                summary.times,
                kind,
                reason,
                keys.shard_set_aside(shard),
            )
