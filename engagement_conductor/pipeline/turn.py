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
        shard: number of the shard.
        caches: of the worker.
        lock: of the shard, held during the turn; no stage starts after it has expired.

    Attributes:
        node: client of the cluster node that holds the shard.
        store: the shard's state on Redis.
        counters: counts until they are added to the counters on Redis.
        uncommitted: counts of the next tick, kept only if it is committed.
        is_piecewise: whether to deliver outcomes in pieces, so that a row or part that cannot be
            delivered costs only itself.
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
        """Starts a stage, unless another worker may have taken over the shard.

        Raises:
            redis.exceptions.LockError: the lock has expired.
        """
        self.stage = stage
        if self._lock is not None:
            self._lock.check()

    @contextmanager
    def measured(self, stage: str) -> Iterator[None]:
        """Starts a stage and measures its time."""
        self.begin(stage)
        with self.counters.stage(stage):
            yield

    def is_minute(self, tick: int) -> bool:
        """Whether the shard's once-a-minute work is due; the shards take turns."""
        return tick % WINDOW_TICKS == self.shard % WINDOW_TICKS

    def set_state_aside(self, key: str, what: str, reason: str) -> None:
        """Quarantines what cannot be read; windows and detector are rebuilt from metrics."""
        set_aside_key(self.node, self.shard, key, what)
        report_set_aside(self.client, self.shard, what, 1, reason)
