"""The blocks that collectors delivered to a shard: read for a tick, filed once it is scored."""

from collections import defaultdict
from collections.abc import Iterable
from functools import partial
from typing import Any

import numpy as np
import redis
from numpy.typing import NDArray

from sessions_app.events.blocks import BadBlockError, Block, NewerBlockError, decode_block
from sessions_app.events.merging import (
    ENTRY,
    TickEvents,
    join_all,
    merge_late,
    merge_tick,
    without_entries,
)
from sessions_app.ingest.delivery import RETENTION_SECONDS, is_behind_fence
from sessions_app.redis_access import keys
from sessions_app.redis_access.client import server_time_ms
from sessions_app.shards.quarantine import queue_pieces
from sessions_app.telemetry.readings import Readings
from sessions_app.ticks import CATCH_UP_TICKS

_STRAYS_VERSION = b"\x01"


class ShardArrivals:
    """The events of one shard.

    Args:
        client: of the shard's node; returns bytes.
        shard: its number.

    Attributes:
        redelivered: events of the last read tick that had been delivered before.
        too_late: events so late that it is unknown whether they were counted.
        unreadable: unreadable blocks of the last read tick, as stored.
        unknown_strays: unreadable lists of stray entries, as stored.
    """

    def __init__(self, client: "redis.Redis", shard: int) -> None:
        self.shard = shard
        self.redelivered = 0
        self.too_late = 0
        self.unreadable: list[bytes] = []
        self.unknown_strays: list[bytes] = []
        self._client = client
        self._late: list[bytes] = []
        self._late_blocks: list[tuple[int, bytes]] = []
        self._strays: NDArray[np.void] = np.zeros(0, ENTRY)

    def read(self, tick: int, is_patient: bool) -> TickEvents:
        """The events of ``tick``, and late ones of earlier ticks.

        Args:
            tick: the one to score; a transaction watches its arrivals already.
            is_patient: whether to leave blocks of a later release to its workers.

        Raises:
            NewerBlockError: there is such a block.
        """
        with self._client.pipeline(transaction=False) as pipeline:
            pipeline.lrange(keys.arrivals(self.shard, tick), 0, -1)
            pipeline.lrange(keys.late_arrivals(self.shard), 0, -1)
            pipeline.lrange(keys.shard_strays(self.shard), 0, -1)
            on_time, self._late, strays = pipeline.execute()
        self.unreadable, self._late_blocks, self.too_late = [], [], 0
        delivered = [block for _, block in self._decoded(on_time, is_patient, tick)]
        parts = [merge_tick(delivered)]
        for late_tick, blocks in sorted(self._late_by_tick(is_patient).items()):
            counted = self._client.lrange(keys.arrivals(self.shard, late_tick), 0, -1)
            parts.append(merge_late(blocks, list(_readable(counted))))
            delivered += blocks
        known = [blob for blob in strays if _is_known(blob)]
        self.unknown_strays = [blob for blob in strays if not _is_known(blob)]
        tick_events = without_entries(
            parts[0] if len(parts) == 1 else join_all(parts), _entries(known)
        )
        self._strays = tick_events.strays
        self.redelivered = sum(len(block.events) for block in delivered) - len(tick_events.events)
        return tick_events

    def waiting_events(self, ticks: range) -> int:
        """How many readable events of ``ticks`` are waiting."""
        waiting, readings = 0, Readings()
        for tick in ticks:
            key = keys.arrivals(self.shard, tick)
            blobs = readings.read(key, partial(self._client.lrange, key, 0, -1), [])
            waiting += sum(len(block.events) for block in _readable(blobs))
        return waiting

    def queue_filing(self, pipeline: Any) -> None:
        """Queues on a pipeline what must be recorded once the tick is scored."""
        self._queue_late(pipeline)
        if len(self._strays):
            self._queue_strays(pipeline)
        for blob in self.unknown_strays:
            pipeline.lrem(keys.shard_strays(self.shard), 1, blob)
        if self.unreadable or self.unknown_strays:
            unreadable = [*self.unreadable, *self.unknown_strays]
            queue_pieces(pipeline, keys.unreadable_blocks(self.shard), unreadable)

    def _late_by_tick(self, is_patient: bool) -> dict[int, list[Block]]:
        """The late blocks whose tick's counted blocks are still available for comparison."""
        by_tick: dict[int, list[Block]] = defaultdict(list)
        now_ms = server_time_ms(self._client) if self._late else 0
        for blob, block in self._decoded(self._late, is_patient):
            if is_behind_fence(block.tick, now_ms):
                self.too_late += len(block.events)
                continue
            by_tick[block.tick].append(block)
            self._late_blocks.append((block.tick, blob))
        return by_tick

    def _decoded(
        self, blobs: Iterable[bytes], is_patient: bool, tick: int | None = None
    ) -> list[tuple[bytes, Block]]:
        """The readable blocks with their bytes; only those of ``tick``, if given."""
        blocks = []
        for blob in blobs:
            try:
                block = decode_block(blob)
            except BadBlockError as error:
                if is_patient and isinstance(error, NewerBlockError):
                    raise
                self.unreadable.append(blob)
                continue
            if tick in (None, block.tick):
                blocks.append((blob, block))
            else:
                self.unreadable.append(blob)
        return blocks

    def _queue_late(self, pipeline: Any) -> None:
        """Files late blocks under their own ticks, where redeliveries are compared with them."""
        if not self._late:
            return
        pipeline.ltrim(keys.late_arrivals(self.shard), len(self._late), -1)
        for tick, blob in self._late_blocks:
            key = keys.arrivals(self.shard, tick)
            pipeline.rpush(key, blob)
            pipeline.expire(key, RETENTION_SECONDS)

    def _queue_strays(self, pipeline: Any) -> None:
        key = keys.shard_strays(self.shard)
        pipeline.rpush(key, _STRAYS_VERSION + self._strays.tobytes())
        # One a tick, for as long as an entry may come again (sessions_app/ingest/batch.py).
        pipeline.ltrim(key, -CATCH_UP_TICKS, -1)
        pipeline.expire(key, RETENTION_SECONDS)


def _readable(blobs: Iterable[bytes]) -> Iterable[Block]:
    """Yields the readable ones; the others were set aside when their tick was scored."""
    for blob in blobs:
        try:
            yield decode_block(blob)
        except BadBlockError:
            continue


def _is_known(strays: bytes) -> bool:
    return strays[:1] == _STRAYS_VERSION and len(strays) % ENTRY.itemsize == 1


def _entries(strays: Iterable[bytes]) -> NDArray[np.void]:
    return np.frombuffer(b"".join(blob[1:] for blob in strays), ENTRY)
