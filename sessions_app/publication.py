"""Telling the platform: one `engagement:update` per live session and tick, by Redis Pub/Sub."""

from collections.abc import Iterable
from datetime import datetime
from itertools import islice

import msgspec
import redis

from sessions_app import keys
from sessions_app.results import SessionPoint, SignalValues

CHUNK = 2_000


class EngagementUpdate(msgspec.Struct, rename="camel"):
    """The payload, as the platform expects it."""

    timestamp: str
    session_id: str
    event_id: str
    score: float
    category: str
    signals: SignalValues


_encode = msgspec.json.Encoder().encode


def engagement_update(point: SessionPoint, timestamp: str) -> bytes:
    """The JSON of one session's update; the event of a session without one is itself."""
    return _encode(
        EngagementUpdate(
            timestamp,
            point.external_id,
            point.event_external_id or point.external_id,
            point.score,
            point.category,
            point.signals,
        )
    )


def wire_time(time: datetime) -> str:
    """``2026-11-22T10:15:05+00:00``."""
    return time.isoformat(timespec="seconds")


def publish_updates(client: "redis.Redis", points: Iterable[SessionPoint]) -> None:
    """Publishes one update for each point, in pipelines of bounded size."""
    remaining = iter(points)
    while chunk := list(islice(remaining, CHUNK)):
        timestamp = wire_time(chunk[0].time)
        with client.pipeline(transaction=False) as pipeline:
            for point in chunk:
                pipeline.publish(keys.ENGAGEMENT_UPDATE, engagement_update(point, timestamp))
            pipeline.execute()
