"""Telling the platform of anomalies, by Redis Pub/Sub, each change once.

`anomaly:detected` says that one has begun, `anomaly:updated` that it got worse or is over.
"""

from collections.abc import Sequence

import msgspec
import redis

from anomalies_app.notices import AnomalyNotice, Change
from sessions_app.publication import wire_time
from sessions_app.redis_access import keys
from sessions_app.scoring.points import SignalValues

CHUNK = 1_000
# Longer than the results of a tick can wait to be published again.
MEMORY_SECONDS = 86_400

# At one instant, so that a publisher that dies has either told it or left it to the next.
_PUBLISH_ONCE = """
if redis.call('SET', KEYS[1], '1', 'NX', 'EX', ARGV[1]) then
    redis.call('PUBLISH', ARGV[2], ARGV[3])
end
"""


class AnomalyDetected(msgspec.Struct, rename="camel"):
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
    signals: SignalValues
    reason: str


class AnomalyUpdated(AnomalyDetected, rename="camel"):
    """The same of an anomaly that has been announced, with what has happened to it."""

    change: str
    ended_at: str | None


_encode = msgspec.json.Encoder().encode


def anomaly_message(notice: AnomalyNotice) -> tuple[str, bytes]:
    """The channel and the JSON of one change; the event of a session without one is itself."""
    values = (
        wire_time(notice.changed_at),
        notice.external_id,
        notice.event_external_id or notice.external_id,
        str(notice.id),
        notice.type,
        notice.severity,
        notice.anomaly_score,
        notice.current_engagement,
        notice.expected_engagement,
        notice.deviation,
        notice.signals,
        notice.reason,
    )
    if notice.change is Change.BEGAN:
        return keys.ANOMALY_DETECTED, _encode(AnomalyDetected(*values))
    ended_at = wire_time(notice.changed_at) if notice.has_ended else None
    return keys.ANOMALY_UPDATED, _encode(AnomalyUpdated(*values, notice.change, ended_at))


def publish_notices(client: "redis.Redis", notices: Sequence[AnomalyNotice]) -> None:
    """Publishes each notice, in order, unless it has been published before.

    Raises:
        redis.RedisError: not all of them may have reached the server; publishing all of them again
            repeats none.
    """
    for start in range(0, len(notices), CHUNK):
        with client.pipeline(transaction=False) as pipeline:
            for notice in notices[start : start + CHUNK]:
                announced = keys.announced_change(
                    str(notice.id), notice.change, wire_time(notice.changed_at)
                )
                told = (MEMORY_SECONDS, *anomaly_message(notice))
                # Not eval(), which redis-py forbids in pipelines of a cluster.
                pipeline.execute_command("EVAL", _PUBLISH_ONCE, 1, announced, *told)
            pipeline.execute()
