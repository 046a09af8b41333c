"""Collector events/s against a bare loop that reads, decodes and acknowledges the same stream."""

import random
import statistics
import time
from collections.abc import Callable

import msgspec
import redis

from benchmarks.measurement import Measurement
from sessions_app import keys
from sessions_app.collector import Collector
from sessions_app.connection import connect

EVENTS = 200_000
SESSIONS = 1_000
BATCH = 5_000
ROUNDS = 3
SEED = 1


class _Message(msgspec.Struct, rename="camel"):
    id: str
    author_id: str


class _ChatMessage(msgspec.Struct, rename="camel"):
    session_id: str
    message: _Message
    event_id: str | None = None


def measure(report: Callable[[str], None]) -> list[Measurement]:
    """Runs both in turn on one stream of chat messages of about 250 bytes."""
    client = connect(socket_timeout=60)
    client.flushdb()
    report(f"posting {EVENTS:,} events")
    _post(client)
    collected, bare = [], []
    for number in range(ROUNDS):
        report(f"ingest round {number + 1} of {ROUNDS}")
        bare.append(EVENTS / _timed(lambda: _drain_bare(client)))
        collected.append(EVENTS / _timed(lambda: _drain_with_collector(client)))
    client.flushdb()
    return [
        Measurement(
            "ingest",
            statistics.median(collected),
            "events/s",
            statistics.median(bare),
            "bare XREADGROUP, decode, XACK loop",
        )
    ]


def _post(client: redis.Redis) -> None:
    random_numbers = random.Random(SEED)
    for start in range(0, EVENTS, 2_000):
        with client.pipeline(transaction=False) as pipeline:
            for number in range(start, start + 2_000):
                pipeline.xadd(keys.CHAT_MESSAGE, {"data": _payload(number, random_numbers)})
            pipeline.execute()


def _payload(number: int, random_numbers: random.Random) -> bytes:
    return msgspec.json.encode(
        {
            "sessionId": f"session-{random_numbers.randrange(SESSIONS)}",
            "eventId": "event-1",
            "message": {
                "id": f"message-{number}",
                "text": "x" * 110,
                "authorId": f"user-{random_numbers.randrange(50_000)}",
                "timestamp": "2026-11-22T10:15:05.000Z",
            },
        }
    )


def _timed(function: Callable[[], None]) -> float:
    started = time.perf_counter()
    function()
    return time.perf_counter() - started


def _drain_bare(client: redis.Redis) -> None:
    decode = msgspec.json.Decoder(_ChatMessage).decode
    client.xgroup_create(keys.CHAT_MESSAGE, "bare", id="0")
    remaining = EVENTS
    while remaining:
        reply = client.xreadgroup("bare", "bench", {keys.CHAT_MESSAGE: ">"}, count=BATCH)
        entries = reply[0][1]
        for _, fields in entries:
            decode(fields[b"data"])
        client.xack(keys.CHAT_MESSAGE, "bare", *[entry_id for entry_id, _ in entries])
        remaining -= len(entries)
    client.xgroup_destroy(keys.CHAT_MESSAGE, "bare")


def _drain_with_collector(client: redis.Redis) -> None:
    for name in keys.CHANNELS:
        client.xgroup_create(name, keys.CONSUMER_GROUP, id="0", mkstream=True)
    collector = Collector(lambda: connect(protocol=2), "bench", BATCH)
    collector.start()
    remaining = EVENTS
    while remaining > 0:
        remaining -= collector.step()
    collector.stop()
    for name in keys.CHANNELS:
        client.xgroup_destroy(name, keys.CONSUMER_GROUP)
    client.delete(*client.keys("engagement:*"))
