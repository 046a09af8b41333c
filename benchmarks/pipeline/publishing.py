"""Updates per second that one process publishes to the platform, against bare PUBLISH commands."""

import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime

import redis

from benchmarks.measurement import Measurement
from sessions_app.publication import CHUNK, engagement_update, publish_updates, wire_time
from sessions_app.redis_access import keys
from sessions_app.redis_access.client import connect
from sessions_app.scoring.points import SessionPoint, SignalValues
from sessions_app.scoring.score import category

UPDATES = 10_000
ROUNDS = 5
# The usual ratio is 1, although ours includes the encoding; half of it on a busy machine.
LEAST_RATIO = 0.5
TIME = datetime(2026, 1, 5, tzinfo=UTC)


def measure(report: Callable[[str], None]) -> list[Measurement]:
    """Both publish the same messages, without subscribers."""
    report(f"publishing {UPDATES:,} updates")
    client = connect(socket_timeout=60)
    points = [_point(number) for number in range(UPDATES)]
    messages = [engagement_update(point, wire_time(TIME)) for point in points]
    ours, bare = [], []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        _publish_bare(client, messages)
        between = time.perf_counter()
        publish_updates(client, points)
        ours.append(UPDATES / (time.perf_counter() - between))
        bare.append(UPDATES / (between - started))
    return [
        Measurement(
            "publishing",
            statistics.median(ours),
            "updates/s",
            statistics.median(bare),
            "bare PUBLISH by redis-py, encoded beforehand",
            least_ratio=LEAST_RATIO,
        )
    ]


def _point(number: int) -> SessionPoint:
    score, name = 2 / 3, f"session-{number:06d}"
    return SessionPoint(
        session_id=number,
        event_id=1,
        external_id=name,
        event_external_id="event-1",
        time=TIME,
        score=score,
        category=category(score),
        signals=SignalValues(40 / 3, 1 / 3, 12, 15, 10 / 3, 1 / 97),
    )


def _publish_bare(client: redis.Redis, messages: list[bytes]) -> None:
    for first in range(0, len(messages), CHUNK):
        with client.pipeline(transaction=False) as pipeline:
            for message in messages[first : first + CHUNK]:
                pipeline.publish(keys.ENGAGEMENT_UPDATE, message)
            pipeline.execute()
