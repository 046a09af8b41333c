"""One worker's turn at one shard: its lock, its stage, its counters."""

from collections.abc import Iterator
from contextlib import contextmanager

import redis

from engagement_conductor.pipeline.caches import WorkerCaches
from sessions_app.redis_access.client import shard_client
from sessions_app.redis_access.renewed_lock import RenewedLock
from sessions_app.shards.quarantine import report_set_aside, set_aside_key
from sessions_app.shards.shard_store import ShardStore
from sessions_app.telemetry.counters import TickCounters
from sessions_app.ticks import WINDOW_TICKS


class Turn:
    """What the steps of a turn share.

    Args:
        client: of the server of ``REDIS_URL``.
        shard: its number.
        caches: of the worker.
        lock: the shard's, held during the turn; no stage begins after it has run out.

    Attributes:
        node: a client of the node that has the shard.
        store: the shard's state on Redis.
        counters: what has been counted, until it is added to the counters on Redis.
        uncommitted: counted towards the next tick, and kept only if that is committed.
        is_piecewise: whether to store outcomes in pieces, so that a row that cannot be stored
            costs only itself.
        stage: of the tick, as counters and failures name it.
        tick: the one being scored.
        done: how many ticks have been scored.
    """

    def __init__(
        self,
        client: "redis.Redis",
        shard: int,
        caches: WorkerCaches,
        lock: RenewedLock | None = None,
    ) -> None:
        self.client = client
        self.shard = shard
        self.caches = caches
        self.node = shard_client(client, shard)
        self.store = ShardStore(self.node, shard)
        self.counters = TickCounters()
        self.uncommitted = TickCounters()
        self.is_piecewise = False
        self.stage = ""
        self.tick = 0
        self.done = 0
        self._lock = lock

    def begin(self, stage: str) -> None:
        """Goes on to a stage, unless somebody else may be at the shard by now.

        Raises:
            redis.exceptions.LockError: the lock has run out.
        """
        self.stage = stage
        if self._lock is not None:
            self._lock.check()

    @contextmanager
    def measured(self, stage: str) -> Iterator[None]:
        """A stage that is timed."""
        self.begin(stage)
        with self.counters.stage(stage):
            yield

    def is_minute(self, tick: int) -> bool:
        """Whether it is the shard's turn with what is done once a minute."""
        return tick % WINDOW_TICKS == self.shard % WINDOW_TICKS

    def set_state_aside(self, key: str, what: str, reason: str) -> None:
        """Quarantines what cannot be read; windows and detector are rebuilt from metrics."""
        set_aside_key(self.node, self.shard, key, what)
        report_set_aside(self.client, self.shard, what, 1, reason)
