"""One scoring tick, storage and publishing included, at growing numbers of live sessions."""

import statistics
import time
from collections.abc import Callable

import numpy as np
import redis

from benchmarks.live_sessions import USERS_PER_SESSION, activity, deliver, joins, register
from benchmarks.measurement import Measurement
from benchmarks.scorers import running_scorers
from sessions_app import keys
from sessions_app.connection import connect
from sessions_app.models import EngagementMetric
from sessions_app.ticks import TICK_SECONDS, tick_at

SIZES = (100, 1_000, 10_000, 100_000)
MEASURED_TICKS = 5
EVENTS_OF_ORGANIZERS = 50
SEED = 1


def measure(report: Callable[[str], None]) -> list[Measurement]:
    """Scores ticks of every size with two processes, as two Celery workers do."""
    measurements = []
    for size in SIZES:
        report(f"tick of {size:,} sessions")
        seconds, state_bytes = _measure_size(size)
        measurements.append(
            Measurement(f"tick_{size}", seconds, "s", float(TICK_SECONDS), "length of a tick")
        )
    measurements.append(
        Measurement(
            "state_bytes_per_session",
            state_bytes / SIZES[-1],
            "bytes",
            10_240.0,
            f"10 KB, with {USERS_PER_SESSION} users in each",
        )
    )
    return measurements


def _measure_size(size: int) -> tuple[float, int]:
    client = connect(socket_timeout=60)
    client.flushdb()
    names = register(size, EVENTS_OF_ORGANIZERS)
    first = tick_at(time.time_ns() // 1_000_000) - MEASURED_TICKS - 1
    random_numbers = np.random.default_rng(SEED)
    deliver(client, first, names, joins(size))
    seconds = []
    with running_scorers() as scorers:
        scorers.score(first)
        for tick in range(first + 1, first + 1 + MEASURED_TICKS):
            deliver(client, tick, names, activity(size, random_numbers))
            started = time.perf_counter()
            scorers.score(tick)
            seconds.append(time.perf_counter() - started)
    stored = EngagementMetric.objects.count()
    if stored != size * (MEASURED_TICKS + 1):
        raise AssertionError(f"{stored} rows stored for {size} sessions")
    state_bytes = _state_bytes(client)
    client.flushdb()
    return statistics.median(seconds), state_bytes


def _state_bytes(client: redis.Redis) -> int:
    """What Redis holds of the sessions, without events on their way."""
    return sum(
        client.memory_usage(key, samples=0) or 0
        for shard in range(keys.SHARD_COUNT)
        for key in (
            keys.shard_windows(shard),
            keys.shard_detector(shard),
            keys.shard_audiences(shard),
            keys.shard_polls(shard),
            keys.shard_ballots(shard),
            keys.shard_identities(shard),
        )
    )
