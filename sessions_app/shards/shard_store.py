"""A shard's state on Redis: read for a tick, and updated in one transaction.

The first writer wins: the transaction watches the number of the last scored tick, so that two
workers on the same shard, or one that was suspended meanwhile, cannot score a tick twice.
"""

from typing import Any, NamedTuple

import numpy as np
import redis
from numpy.typing import NDArray

from sessions_app.events.merging import TickEvents
from sessions_app.redis_access import keys
from sessions_app.shards.lost_tables import queue_lost
from sessions_app.shards.shard_arrivals import ShardArrivals
from sessions_app.state.deduplication import HORIZON_TICKS
from sessions_app.state.packed_tables import is_bare
from sessions_app.state.session_windows import SessionWindows
from sessions_app.state.tick_update import TickUpdate, Touched

_CLEAR_OUTBOX = """
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[2]) end
"""
_HAS_MISPLACED = """
for position, key in ipairs(KEYS) do
    local kind = redis.call('TYPE', key).ok
    if kind ~= 'none' and kind ~= ARGV[position] then return 1 end
end
return 0
"""
# A worker that was suspended meanwhile must not undo the progress of another.
_RESTORE_SCORED = """
local scored = redis.call('GET', KEYS[1])
if not (scored and string.match(scored, '^%d+$')) then
  redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2])
end
"""


class TickTakenError(Exception):
    """Meanwhile the tick was scored, or more of its events arrived."""


class StoredShard(NamedTuple):
    """A shard as stored; each part is None if it does not exist.

    Attributes:
        scored: the last scored tick; None also if the stored value is not a number.
        windows: encoded :class:`sessions_app.state.session_windows.SessionWindows`.
        detector: encoded state of the detector; opaque here.
        outbox: encoded outcome of the last tick, if it is not delivered yet.
        has_misplaced: whether one of the shard's keys has the wrong type.
    """

    scored: int | None
    windows: bytes | None
    detector: bytes | None
    outbox: bytes | None
    has_misplaced: bool


class ShardStore:
    """Access to one shard.

    Args:
        client: returns bytes.
        shard: its number.

    Attributes:
        arrivals: the blocks that collectors delivered to it.
    """

    def __init__(self, client: "redis.Redis", shard: int) -> None:
        self.client = client
        self.shard = shard
        self.arrivals = ShardArrivals(client, shard)
        self._transaction: Any = None

    def load(self) -> StoredShard:
        """Reads the stored state of the shard."""
        with self.client.pipeline(transaction=False) as pipeline:
            pipeline.mget(
                keys.scored_tick(self.shard),
                keys.shard_windows(self.shard),
                keys.shard_detector(self.shard),
                keys.shard_outbox(self.shard),
            )
            # Not eval(), which redis-py forbids in pipelines of a cluster.
            types = keys.SHARD_TYPES
            names = [name(self.shard) for name in types]
            pipeline.execute_command("EVAL", _HAS_MISPLACED, len(names), *names, *types.values())
            (scored, *blobs), has_misplaced = pipeline.execute()
        tick = int(scored) if (scored or b"").isdigit() else None
        return StoredShard(tick, *blobs, has_misplaced=bool(has_misplaced))

    def restore_scored(self, tick: int) -> None:
        """Stores the number of the last tick again, if it is lost or not a number.

        Raises:
            redis.RedisError: Redis does not answer.
        """
        self.client.eval(
            _RESTORE_SCORED, 1, keys.scored_tick(self.shard), tick, keys.STATE_LIFETIME_SECONDS
        )

    def begin(self, ticks: range) -> bool:
        """Opens the transaction that :meth:`commit` ends, to score the last of ``ticks``.

        Returns:
            Whether there are no events in the ticks before the last.
        """
        self.abandon()
        self._transaction = self.client.pipeline(transaction=True)
        arrivals = [keys.arrivals(self.shard, tick) for tick in ticks]
        # The lists as well: otherwise, blocks added between our read and our commit would never be
        # read.
        self._transaction.watch(keys.scored_tick(self.shard), *arrivals)
        return len(ticks) == 1 or self._transaction.exists(*arrivals[:-1]) == 0

    def abandon(self) -> None:
        """Discards the transaction, if one is open."""
        if self._transaction is not None:
            self._transaction.reset()
            self._transaction = None

    def read_events(self, tick: int, is_patient: bool) -> TickEvents:
        """The events of ``tick``, and late ones of earlier ticks.

        Args:
            tick: the last one of :meth:`begin`.
            is_patient: whether to leave blocks of a later release to its workers.

        Raises:
            NewerBlockError: there is such a block.
        """
        return self.arrivals.read(tick, is_patient)

    def read_tables(
        self,
        session_ids: NDArray[np.int64],
        rows: NDArray[np.int64],
        polled: NDArray[np.int64],
    ) -> tuple[Touched, list[bytes]]:
        """The tables of the sessions ``rows``, and the identities of the last ticks' events.

        Args:
            session_ids: key of each row of the windows.
            rows: whose presence tables to read.
            polled: whose polls and voters to read.
        """
        fields, of_polls = _fields(session_ids[rows]), _fields(session_ids[polled])
        with self.client.pipeline(transaction=False) as pipeline:
            if fields:
                pipeline.hmget(keys.shard_presence(self.shard), fields)
            if of_polls:
                pipeline.hmget(keys.shard_polls(self.shard), of_polls)
                pipeline.hmget(keys.shard_voters(self.shard), of_polls)
            pipeline.lrange(keys.shard_identities(self.shard), 0, -1)
            *tables, seen = pipeline.execute()
        presence = tables.pop(0) if fields else []
        polls, voters = tables if of_polls else ([], [])
        votes = self._read_old_votes(of_polls, polls)
        touched = Touched(
            rows=rows,
            presence=presence,
            polled=polled,
            polls=polls,
            voters=voters,
            votes=votes,
        )
        return touched, seen

    def _read_old_votes(self, fields: list[bytes], polls: list[bytes | None]) -> list[bytes | None]:
        """Votes stored by an earlier release, for polls not written since."""
        old = [field for field, blob in zip(fields, polls, strict=True) if blob and is_bare(blob)]
        if not old:
            return [None] * len(fields)
        votes = dict(zip(old, self.client.hmget(keys.shard_votes(self.shard), old), strict=True))
        return [votes.get(field) for field in fields]

    def commit(
        self,
        windows: SessionWindows,
        update: TickUpdate,
        ended: list[int],
        detector: bytes = b"",
        outbox: bytes = b"",
    ) -> None:
        """Stores the state after ``windows.tick``, if nothing has changed since :meth:`begin`.

        Args:
            windows: after the tick.
            update: of the tick.
            ended: keys of the sessions that ended with the tick; their tables are deleted.
            detector: encoded state of the detector after the tick.
            outbox: encoded outcome of the tick, kept until :meth:`clear_outbox`; may be empty.

        Raises:
            TickTakenError: somebody else stored the tick, or more of its events arrived.
        """
        pipeline = self._transaction
        scored = pipeline.get(keys.scored_tick(self.shard))
        if scored is not None and int(scored) >= windows.tick:
            raise TickTakenError(f"shard {self.shard}, tick {windows.tick}")
        pipeline.multi()
        self._queue_windows(pipeline, windows, detector)
        if outbox:
            key = keys.shard_outbox(self.shard)
            pipeline.set(key, outbox, ex=keys.STATE_LIFETIME_SECONDS)
        self._queue_tables(pipeline, update.touched, update.session_ids, ended)
        queue_lost(pipeline, self.shard, update.lost, update.session_ids)
        self._queue_identities(pipeline, update)
        self.arrivals.queue_filing(pipeline)
        try:
            pipeline.execute()
        except redis.WatchError as error:
            raise TickTakenError(f"shard {self.shard}, tick {windows.tick}") from error
        finally:
            self.abandon()

    def clear_outbox(self, tick: int) -> None:
        """Deletes the delivered outbox, if ``tick`` is still the last one.

        A worker that was suspended meanwhile must not delete the outbox of a later tick.
        """
        scored, outbox = keys.scored_tick(self.shard), keys.shard_outbox(self.shard)
        self.client.eval(_CLEAR_OUTBOX, 2, scored, outbox, tick)

    def drop_tables(self, session_ids: NDArray[np.int64]) -> None:
        """Deletes the tables stored under keys that belong to other sessions by now."""
        with self.client.pipeline(transaction=True) as pipeline:
            for hash_key in keys.tables_of_shard(self.shard):
                pipeline.hdel(hash_key, *_fields(session_ids))
            # Identities depend on the keys, too, and do not say whose they are.
            pipeline.delete(keys.shard_identities(self.shard))
            pipeline.execute()

    def unkeyed_sessions(self) -> NDArray[np.int64] | None:
        """Database keys of the sessions whose identities have no key; None if not recorded.

        Raises:
            redis.RedisError: Redis does not answer.
        """
        stored = self.client.get(keys.shard_unkeyed(self.shard))
        if stored is None or len(stored) % np.dtype(np.int64).itemsize:
            return None
        return np.frombuffer(stored, np.int64)

    def _queue_windows(self, pipeline: Any, windows: SessionWindows, detector: bytes) -> None:
        state = {
            keys.shard_windows(self.shard): windows.to_bytes(),
            keys.shard_detector(self.shard): detector,
            keys.scored_tick(self.shard): windows.tick,
            # Stored beside the windows, to rebuild them if they cannot be read.
            keys.shard_unkeyed(self.shard): windows.unkeyed_sessions().tobytes(),
        }
        for key, value in state.items():
            pipeline.set(key, value, ex=keys.STATE_LIFETIME_SECONDS)

    def _queue_tables(
        self,
        pipeline: Any,
        touched: Touched,
        session_ids: NDArray[np.int64],
        ended: list[int],
    ) -> None:
        fields, of_polls = _fields(session_ids[touched.rows]), _fields(session_ids[touched.polled])
        tables = {
            keys.shard_presence(self.shard): (fields, touched.presence),
            keys.shard_polls(self.shard): (of_polls, touched.polls),
            keys.shard_voters(self.shard): (of_polls, touched.voters),
            # Their content is in the voters now.
            keys.shard_votes(self.shard): (of_polls, [None] * len(of_polls)),
        }
        gone = _fields(np.array(ended, np.int64))
        for hash_key, (names, blobs) in tables.items():
            stored = dict(zip(names, blobs, strict=True))
            if full := {name: blob for name, blob in stored.items() if blob}:
                pipeline.hset(hash_key, mapping=full)
                pipeline.expire(hash_key, keys.STATE_LIFETIME_SECONDS)
            if empty := gone + [name for name, blob in stored.items() if not blob]:
                pipeline.hdel(hash_key, *empty)

    def _queue_identities(self, pipeline: Any, update: TickUpdate) -> None:
        key = keys.shard_identities(self.shard)
        for lost in update.lost:
            if lost.row < 0:
                pipeline.lrem(key, 1, lost.data)
        pipeline.rpush(key, update.seen)
        pipeline.ltrim(key, -HORIZON_TICKS, -1)
        pipeline.expire(key, keys.STATE_LIFETIME_SECONDS)


def _fields(session_ids: NDArray[np.int64]) -> list[bytes]:
    return [b"%d" % number for number in session_ids.tolist()]
