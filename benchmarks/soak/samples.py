"""Samples of the running product, taken every five seconds."""

import os
from typing import Any

import redis

from benchmarks.soak.stack import Stack, Usage
from sessions_app.ingest.delivery import RETENTION_SECONDS
from sessions_app.redis_access import keys
from sessions_app.telemetry.pipeline_status import pipeline_status
from sessions_app.ticks import TICK_SECONDS

RETAINED_TICKS = RETENTION_SECONDS // TICK_SECONDS

Sample = dict[str, Any]


class Sampler:
    """Takes samples.

    Args:
        stack: the stack whose processes are sampled.
        client: a client of its Redis.
    """

    def __init__(self, stack: Stack, client: "redis.Redis") -> None:
        self._stack = stack
        self._client = client
        self._blocks: dict[int, int] = {}
        self._measured = 0

    def take(self, elapsed: float, scored: int, cost: dict[str, Usage]) -> Sample:
        """One sample, ready for JSON.

        Args:
            elapsed: seconds since the start.
            scored: the last tick that all shards have scored.
            cost: usage of processes that are not part of the stack.
        """
        usage = {**self._stack.usage(), **cost}
        status = pipeline_status(self._client)
        memory = self._client.info("memory")
        return {
            "seconds": round(elapsed, 1),
            "memory": {kind: used.memory for kind, used in usage.items()},
            "cpu_seconds": {kind: round(used.cpu_seconds, 2) for kind, used in usage.items()},
            "redis_used": memory["used_memory"],
            "redis_resident": memory["used_memory_rss"],
            "redis_streams": self._streams(),
            "redis_kept": self._kept(scored),
            "stream_entries": sum(stream.length or 0 for stream in status.streams),
            "backlog": sum((stream.backlog or 0) + stream.pending for stream in status.streams),
            "tick_age": status.scored_tick_age_seconds,
            "dead_letters": status.dead_letters,
            "load": os.getloadavg()[0],
        }

    def _streams(self) -> int:
        with self._client.pipeline(transaction=False) as pipeline:
            for channel in keys.CHANNELS:
                pipeline.memory_usage(channel)
            return sum(size or 0 for size in pipeline.execute())

    def _kept(self, scored: int) -> int:
        """Size of the blocks, kept for 20 minutes, and of the identities, kept for ten.

        Blocks no longer change once their tick is scored, so each is measured once.
        """
        for tick in range(max(self._measured, scored - RETAINED_TICKS) + 1, scored + 1):
            self._blocks[tick] = self._sizes(
                [keys.arrivals(shard, tick) for shard in range(keys.SHARD_COUNT)]
            )
            self._blocks.pop(tick - RETAINED_TICKS, None)
        self._measured = scored
        identities = [keys.shard_identities(shard) for shard in range(keys.SHARD_COUNT)]
        return sum(self._blocks.values()) + self._sizes(identities)

    def _sizes(self, names: list[str]) -> int:
        with self._client.pipeline(transaction=False) as pipeline:
            for name in names:
                pipeline.memory_usage(name, samples=0)
            return sum(size or 0 for size in pipeline.execute())
