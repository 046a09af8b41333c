"""Publication to the platform: one `engagement:update` per live session and tick, by Pub/Sub."""

from collections.abc import Iterable
from datetime import datetime
from itertools import islice

import msgspec
import redis

from sessions_app.redis_access import keys
from sessions_app.scoring.points import SessionPoint, SignalValues

CHUNK = 2_000


class EngagementUpdate(msgspec.Struct, rename="camel"):
    """The payload expected by the platform."""

    timestamp: str
    session_id: str
    event_id: str
    score: float
    category: str
    signals: SignalValues


_encode = msgspec.json.Encoder().encode


def engagement_update(point: SessionPoint, timestamp: str) -> bytes:
    """The JSON of one session's update; a session without an event is sent as its own event."""
    return _encode(
        EngagementUpdate(
            timestamp=timestamp,
            session_id=point.external_id,
            event_id=point.event_external_id or point.external_id,
            score=point.score,
            category=point.category,
            signals=point.signals,
        )
    )


def wire_time(time: datetime) -> str:
    """``2026-11-22T10:15:05+00:00``."""
    return time.isoformat(timespec="seconds")


def publish_updates(client: "redis.Redis", points: Iterable[SessionPoint]) -> None:
    """Publishes one update for each point, in chunks of bounded size.

    Raises:
        redis.RedisError: not all of them may have reached the server.
    """
    remaining = iter(points)
    while chunk := list(islice(remaining, CHUNK)):
        timestamp = wire_time(chunk[0].time)
        _publish(client, [engagement_update(point, timestamp) for point in chunk])


def _publish(client: "redis.Redis", payloads: list[bytes]) -> None:
    """Sends all payloads at once, and lets the server reply to the last command only.

    The replies with the number of subscribers are not needed, and parsing them costs redis-py more
    than publishing.
    """
    commands = [_SILENCE, *(_PUBLISH % (len(payload), payload) for payload in payloads), _SPEAK]
    connection = client.connection_pool.get_connection()
    try:
        connection.send_packed_command([b"".join(commands)])
        connection.read_response()
    except BaseException:
        connection.disconnect()  # its replies may still be turned off
        raise
    finally:
        client.connection_pool.release(connection)


def _command(*words: str) -> bytes:
    return b"*%d\r\n" % len(words) + b"".join(
        b"$%d\r\n%s\r\n" % (len(word), word.encode()) for word in words
    )


_SILENCE = _command("CLIENT", "REPLY", "OFF")
_SPEAK = _command("CLIENT", "REPLY", "ON")
_PUBLISH = (
    b"*3\r\n$7\r\nPUBLISH\r\n$%d\r\n%s\r\n"
    % (
        len(keys.ENGAGEMENT_UPDATE),
        keys.ENGAGEMENT_UPDATE.encode(),
    )
    + b"$%d\r\n%s\r\n"
)
