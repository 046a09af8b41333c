"""Collector events/s against a bare loop that reads, decodes and acknowledges the same stream.

Chat messages of 1,000 sessions are read by one collector, and by two processes that share the work;
then other kinds of events and numbers of sessions, each compared with the bare loop.
"""

import multiprocessing
import statistics
import time
from collections.abc import Callable
from multiprocessing.synchronize import Event
from typing import Any, NamedTuple

import redis

from benchmarks.inputs.platform_events import KINDS, Kind
from benchmarks.measurement import Measurement
from sessions_app.ingest.collector import Collector
from sessions_app.redis_access import keys
from sessions_app.redis_access.client import connect

EVENTS = 200_000
FEWER_EVENTS = 100_000
SESSIONS = 1_000
MIXES = (1, 100_000)
BATCH = 5_000
ROUNDS = 3
TIMEOUT_SECONDS = 120.0
NOTE = "bare XREADGROUP, decode, XACK loop"


class Rates(NamedTuple):
    """Events per second."""

    collector: float
    bare: float


def measure(report: Callable[[str], None]) -> list[Measurement]:
    """Runs each in turn on a stream of events of about 250 bytes."""
    client = connect(socket_timeout=60)
    client.flushdb()
    measurements = [*_chat(client, report)]
    for name, kind in KINDS.items():
        report(f"{FEWER_EVENTS:,} {name} events")
        rates = _compare(client, kind, SESSIONS)
        measurements.append(_measurement(f"ingest_{name}", rates))
    for sessions in MIXES:
        report(f"chat in {sessions:,} sessions")
        rates = _compare(client, KINDS["chat"], sessions)
        measurements.append(_measurement(f"ingest_{sessions}_sessions", rates))
    client.flushdb()
    return measurements


def _measurement(name: str, rates: Rates) -> Measurement:
    return Measurement(name, rates.collector, "events/s", rates.bare, NOTE)


def _chat(client: redis.Redis, report: Callable[[str], None]) -> list[Measurement]:
    kind = KINDS["chat"]
    report(f"posting {EVENTS:,} events")
    kind.post(client, EVENTS, SESSIONS)
    collected, bare, shared = [], [], []
    for number in range(ROUNDS):
        report(f"ingest round {number + 1} of {ROUNDS}")
        bare.append(EVENTS / _timed(lambda: _drain_bare(client, kind, EVENTS)))
        collected.append(EVENTS / _timed(lambda: _drain_with_collector(client, EVENTS)))
        shared.append(EVENTS / _drain_with_two(client, EVENTS))
    client.flushdb()
    one, two = statistics.median(collected), statistics.median(shared)
    return [
        Measurement("ingest", one, "events/s", statistics.median(bare), NOTE),
        Measurement("ingest_two_collectors", two, "events/s", one, "one collector"),
    ]


def _compare(client: redis.Redis, kind: Kind, sessions: int) -> Rates:
    """One round of each, on a new stream."""
    kind.post(client, FEWER_EVENTS, sessions)
    bare = FEWER_EVENTS / _timed(lambda: _drain_bare(client, kind, FEWER_EVENTS))
    collector = FEWER_EVENTS / _timed(lambda: _drain_with_collector(client, FEWER_EVENTS))
    client.flushdb()
    return Rates(collector, bare)


def _timed(function: Callable[[], None]) -> float:
    started = time.perf_counter()
    function()
    return time.perf_counter() - started


def _drain_bare(client: redis.Redis, kind: Kind, events: int) -> None:
    decode = kind.decoder().decode
    client.xgroup_create(kind.channel, "bare", id="0")
    remaining = events
    while remaining:
        reply = client.xreadgroup("bare", "bench", {kind.channel: ">"}, count=BATCH)
        entries = reply[0][1]
        for _, fields in entries:
            decode(fields[b"data"])
        client.xack(kind.channel, "bare", *[entry_id for entry_id, _ in entries])
        remaining -= len(entries)
    client.xgroup_destroy(kind.channel, "bare")


def _drain_with_collector(client: redis.Redis, events: int) -> None:
    _create_groups(client)
    collector = Collector(lambda: connect(protocol=2), "bench", BATCH)
    collector.start()
    remaining = events
    while remaining > 0:
        remaining -= collector.step()
    collector.stop()
    _forget(client)


def _drain_with_two(client: redis.Redis, events: int) -> float:
    """Seconds that two processes take together, after both have started."""
    _create_groups(client)
    context = multiprocessing.get_context("fork")
    begin, end = context.Event(), context.Event()
    counts = [context.Value("q", 0) for _ in range(2)]
    processes = [
        context.Process(target=_collect, args=(f"bench-{number}", count, begin, end), daemon=True)
        for number, count in enumerate(counts)
    ]
    for process in processes:
        process.start()
    time.sleep(1)  # until both have connected
    started = time.perf_counter()
    begin.set()
    while sum(count.value for count in counts) < events:
        if time.perf_counter() - started > TIMEOUT_SECONDS:
            raise AssertionError(f"two collectors are not done after {TIMEOUT_SECONDS:g} s")
        time.sleep(0.002)
    seconds = time.perf_counter() - started
    end.set()
    for process in processes:
        process.join()
    _forget(client)
    return seconds


def _collect(name: str, count: Any, begin: Event, end: Event) -> None:
    collector = Collector(lambda: connect(protocol=2), name, BATCH)
    collector.start()
    begin.wait()
    while not end.is_set():
        count.value += collector.step()
    collector.stop()


def _create_groups(client: redis.Redis) -> None:
    for name in keys.CHANNELS:
        client.xgroup_create(name, keys.CONSUMER_GROUP, id="0", mkstream=True)


def _forget(client: redis.Redis) -> None:
    for name in keys.CHANNELS:
        client.xgroup_destroy(name, keys.CONSUMER_GROUP)
    client.delete(*client.keys("engagement:*"))
