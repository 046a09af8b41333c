"""Counters of the pipeline, kept on Redis so that every process can report the totals of all.

A name is ``counter`` or ``counter:label:label``. The counts of a tick are added after its commit: a
process that dies in between leaves the counters slightly low, and repeated work does not count
twice. Durations, failures and quarantined parts are counted immediately.
"""

import time
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import redis

from sessions_app.redis_access import keys
from sessions_app.telemetry.readings import Readings

# Upper bounds in seconds of the histogram buckets of tick durations.
DURATION_BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)

RECEIVED = "received"
DEAD_LETTERS = "dead_letters"
DUPLICATES = "duplicates"
REFUSED = "refused"
FORGOTTEN = "forgotten"
FORGOTTEN_VOTERS = "forgotten_voters"
FORGOTTEN_POLLS = "forgotten_polls"
LOST_TABLES = "lost_tables"
TOO_LATE = "too_late"
UNREADABLE = "unreadable"
SUBSCRIPTION_BREAKS = "subscription_breaks"
DROPPED_MESSAGES = "dropped_messages"
LOST_LOG_LINES = "lost_log_lines"
DROPPED_UPDATES = "dropped_updates"
REFUSED_REQUESTS = "refused_requests"
CUT_OFF_CLIENTS = "cut_off_clients"
SHARD_FAILURES = "shard_failures"
SET_ASIDE = "set_aside"
SKIPPED = "skipped"
LEFT_OUT = "left_out"
REKEYED = "rekeyed"
MISSED_BROADCASTS = "missed_broadcasts"
SCORES = "scores"
ANOMALY_CHANGES = "alerts"
STAGE_SECONDS = "stage_seconds"
STAGE_RUNS = "stage_runs"
TICK_SECONDS = "tick_seconds"
TICK_CLASSES = "tick_classes"

# Reasons of LEFT_OUT.
AFTER_END = "after_end"
UNKNOWN_END = "unknown_end"
POLL_CLOSED = "poll_closed"
SESSION_GONE = "session_gone"


def named(counter: str, *labels: str) -> str:
    """The name of a counter with its labels, none of which contains a colon."""
    return ":".join((counter, *labels))


def queue_counters(pipeline: Any, counts: Mapping[str, float]) -> None:
    """Queues increments of counters on a Redis pipeline."""
    for name, amount in counts.items():
        if amount:
            pipeline.hincrbyfloat(keys.COUNTERS, name, amount)


def read_counters(client: "redis.Redis", readings: Readings | None = None) -> dict[str, float]:
    """All readable counters.

    Args:
        readings: records what cannot be read.

    Raises:
        redis.RedisError: Redis does not answer.
    """
    key, readings = keys.COUNTERS, readings or Readings()
    return readings.numbers(key, readings.read(key, lambda: client.hgetall(key), {}))


class TickCounters:
    """Counts and durations of scoring one shard, until they are added to the totals."""

    def __init__(self) -> None:
        self._counts: defaultdict[str, float] = defaultdict(float)

    def add(self, amount: float, counter: str, *labels: str) -> None:
        """Adds to a counter."""
        self._counts[named(counter, *labels)] += amount

    def add_all(self, others: "TickCounters") -> None:
        """Adds the counts of ``others``, and resets them."""
        for name, amount in others._counts.items():
            self._counts[name] += amount
        others._counts.clear()

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Measures a stage of the tick."""
        began = time.perf_counter()
        try:
            yield
        finally:
            self.add_stage(name, time.perf_counter() - began)

    def add_stage(self, name: str, seconds: float) -> None:
        """Adds the duration of a stage of the tick."""
        self.add(seconds, STAGE_SECONDS, name)
        self.add(1, STAGE_RUNS, name)

    @contextmanager
    def tick(self) -> Iterator[None]:
        """Measures a whole tick; one that fails is not counted."""
        began = time.perf_counter()
        yield
        seconds = time.perf_counter() - began
        self.add(seconds, TICK_SECONDS)
        self.add(1, TICK_CLASSES, str(bisect_left(DURATION_BOUNDS, seconds)))

    def save(self, client: "redis.Redis") -> None:
        """Adds everything to the counters on Redis, and resets.

        Raises:
            redis.RedisError: Redis does not answer.
        """
        with client.pipeline(transaction=False) as pipeline:
            queue_counters(pipeline, self._counts)
            pipeline.execute()
        self._counts.clear()
