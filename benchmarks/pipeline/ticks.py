"""One scoring tick, including storage and publishing, at growing numbers of live sessions.

Reports the whole tick and each of its stages, as timed by the product itself and summed over the
parallel scoring processes. The baseline of a stage is linear growth with the number of sessions.
"""

import statistics
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import redis
from django.db.models import Sum

from benchmarks import memory
from benchmarks.inputs.live_sessions import USERS_PER_SESSION, activity, deliver, joins, register
from benchmarks.measurement import Measurement
from benchmarks.pipeline.scorers import PROCESSES, running_scorers
from dashboard.live.subscriptions import event_group
from sessions_app.models import EngagementMetric, Event
from sessions_app.redis_access import keys
from sessions_app.redis_access.client import connect
from sessions_app.telemetry.counters import STAGE_SECONDS, named, read_counters
from sessions_app.ticks import TICK_SECONDS, tick_at, tick_end

SIZES = (100, 1_000, 10_000, 100_000)
MEASURED_TICKS = 5
EVENTS_OF_ORGANIZERS = 50
# In order of execution; ``detect`` is part of ``score``.
STAGES = ("read", "advance", "score", "detect", "commit", "store", "publish", "broadcast")
WATCHED_SECONDS = 3_600
SEED = 1
# Two events per session and tick, of which one in twenty is a leave.
PRESENT_SHARE = 0.9


class Sizing(NamedTuple):
    """The cost of ticks of one size.

    Attributes:
        seconds: median time of a tick, from its events to its last update.
        stages: seconds of each stage per tick, summed over all processes.
        state_bytes: state of all sessions on Redis.
        process_bytes: resident memory of a scoring process.
    """

    seconds: float
    stages: dict[str, float]
    state_bytes: int
    process_bytes: float


def measure(report: Callable[[str], None]) -> list[Measurement]:
    """Scores ticks of every size with two processes, like two Celery workers."""
    measurements: list[Measurement] = []
    sizings: dict[int, Sizing] = {}
    for size in SIZES:
        report(f"tick of {size:,} sessions")
        sizings[size] = _measure_size(size)
        measurements.append(
            Measurement(
                f"tick_{size}", sizings[size].seconds, "s", float(TICK_SECONDS), "length of a tick"
            )
        )
        measurements += _stages(size, sizings)
    largest, smallest = sizings[SIZES[-1]], sizings[SIZES[0]]
    measurements.append(
        Measurement(
            "state_bytes_per_session",
            largest.state_bytes / SIZES[-1],
            "bytes",
            10_240.0,
            f"10 KB, with {USERS_PER_SESSION} users in each",
        )
    )
    grown = (largest.process_bytes - smallest.process_bytes) / (SIZES[-1] / PROCESSES)
    measurements.append(
        Measurement(
            "scorer_bytes_per_session",
            grown,
            "bytes",
            largest.state_bytes / SIZES[-1],
            "state on Redis",
        )
    )
    return measurements


def _stages(size: int, sizings: dict[int, Sizing]) -> Iterator[Measurement]:
    smaller = size // 10
    for stage in STAGES:
        value = sizings[size].stages[stage]
        if smaller in sizings:
            baseline, note = (
                10 * sizings[smaller].stages[stage],
                f"ten times tick_{smaller}_{stage}",
            )
        else:
            baseline, note = sum(sizings[size].stages.values()), "all stages"
        yield Measurement(f"tick_{size}_{stage}", value, "s", max(baseline, 1e-9), note)


def _measure_size(size: int) -> Sizing:
    client = connect(socket_timeout=60)
    client.flushdb()
    names = register(size, EVENTS_OF_ORGANIZERS)
    _watch_one_event(client)
    first = tick_at(time.time_ns() // 1_000_000) - MEASURED_TICKS - 1
    random_numbers = np.random.default_rng(SEED)
    deliver(client, first, names, joins(size))
    seconds = []
    with running_scorers() as scorers:
        scorers.score(first)
        before = read_counters(client)
        for tick in range(first + 1, first + 1 + MEASURED_TICKS):
            deliver(client, tick, names, activity(size, random_numbers))
            started = time.perf_counter()
            scorers.score(tick)
            seconds.append(time.perf_counter() - started)
        after = read_counters(client)
        process_bytes = statistics.mean(map(memory.resident_bytes, scorers.pids))
    _check(size, first + MEASURED_TICKS)
    state_bytes = _state_bytes(client)
    client.flushdb()
    stages = {
        stage: (after.get(name, 0.0) - before.get(name, 0.0)) / MEASURED_TICKS
        for stage in STAGES
        for name in [named(STAGE_SECONDS, stage)]
    }
    return Sizing(statistics.median(seconds), stages, state_bytes, process_bytes)


def _check(size: int, last: int) -> None:
    """Checks that every tick has its rows, and that nearly everybody who joined is present."""
    stored = EngagementMetric.objects.count()
    if stored != size * (MEASURED_TICKS + 1):
        raise AssertionError(f"{stored} rows stored for {size} sessions")
    rows = EngagementMetric.objects.filter(time=tick_end(last))
    active = rows.aggregate(people=Sum("active_users"))["people"]
    if active < size * USERS_PER_SESSION * PRESENT_SHARE:
        raise AssertionError(f"{active} people in {size} sessions")


def _watch_one_event(client: redis.Redis) -> None:
    """Simulates an open overview of one event, with a fiftieth of the sessions."""
    key = Event.objects.order_by("pk").values_list("pk", flat=True)[0]
    client.zadd(keys.WATCHED_GROUPS, {event_group(key): time.time() + WATCHED_SECONDS})


def _state_bytes(client: redis.Redis) -> int:
    """Size of the sessions' state on Redis, without undelivered events."""
    return sum(
        client.memory_usage(key, samples=0) or 0
        for shard in range(keys.SHARD_COUNT)
        for key in (
            keys.shard_windows(shard),
            keys.shard_detector(shard),
            keys.shard_presence(shard),
            keys.shard_polls(shard),
            keys.shard_voters(shard),
            keys.shard_identities(shard),
        )
    )
