"""Publishing anomalies to the platform, by Redis Pub/Sub, each change once.

`anomaly:detected` says that one has begun, `anomaly:updated` that it got worse or has ended.
"""

from collections.abc import Sequence
from typing import Any

import msgspec
import redis

from anomalies_app.records import AnomalyChange, AnomalyRecord, Change
from sessions_app.publication import wire_time
from sessions_app.redis_access import keys
from sessions_app.scoring.points import SignalValues

CHUNK = 1_000
# Longer than an outbox can wait to be published again.
MEMORY_SECONDS = 86_400

# Atomic: a publisher that dies has either published the change or leaves it to the next one.
_PUBLISH_ONCE = """
if redis.call('SET', KEYS[1], '1', 'NX', 'EX', ARGV[1]) then
    redis.call('PUBLISH', ARGV[2], ARGV[3])
end
"""


class AnomalyDetected(msgspec.Struct, kw_only=True, rename="camel"):
    """The payload, as the platform expects it."""

    timestamp: str
    session_id: str
    event_id: str
    id: str
    type: str
    severity: str
    anomaly_score: float
    current_engagement: float
    expected_engagement: float
    deviation: float
    signals: SignalValues | None
    reason: str


class AnomalyUpdated(AnomalyDetected, kw_only=True, rename="camel"):
    """The same of an anomaly that has been announced, with what has happened to it."""

    change: str
    ended_at: str | None


_encode = msgspec.json.Encoder().encode


def wire_values(anomaly: AnomalyRecord) -> dict[str, Any]:
    """The fields of :class:`AnomalyDetected` that say what an anomaly is."""
    return {"id": str(anomaly.id), "signals": anomaly.signals, **anomaly.columns()}


def anomaly_message(changed: AnomalyChange) -> tuple[str, bytes]:
    """The channel and the JSON of one change; the event of a session without one is itself."""
    values = {
        "timestamp": wire_time(changed.changed_at),
        "session_id": changed.external_id,
        "event_id": changed.event_external_id or changed.external_id,
        **wire_values(changed),
    }
    if changed.change is Change.BEGAN:
        return keys.ANOMALY_DETECTED, _encode(AnomalyDetected(**values))
    ended_at = None if changed.ended_at is None else wire_time(changed.ended_at)
    updated = AnomalyUpdated(**values, change=changed.change, ended_at=ended_at)
    return keys.ANOMALY_UPDATED, _encode(updated)


def publish_changes(client: "redis.Redis", changes: Sequence[AnomalyChange]) -> None:
    """Publishes each change, in order, unless it has been published before.

    Raises:
        redis.RedisError: not all of them may have reached the server; publishing all of them again
            repeats none.
    """
    for start in range(0, len(changes), CHUNK):
        with client.pipeline(transaction=False) as pipeline:
            for changed in changes[start : start + CHUNK]:
                once = keys.announced_change(
                    str(changed.id), changed.change, wire_time(changed.changed_at)
                )
                channel, payload = anomaly_message(changed)
                # Not eval(), which redis-py forbids in pipelines of a cluster.
                pipeline.execute_command(
                    "EVAL", _PUBLISH_ONCE, 1, once, MEMORY_SECONDS, channel, payload
                )
            pipeline.execute()
