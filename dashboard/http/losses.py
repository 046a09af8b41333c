"""Counts what this web process dropped or refused, and logs it at most once a minute."""

import logging
import threading
from collections import Counter

import redis

from sessions_app.telemetry.counters import (
    CUT_OFF_CLIENTS,
    DROPPED_UPDATES,
    REFUSED_REQUESTS,
    named,
    queue_counters,
)
from sessions_app.telemetry.once_a_minute import OnceAMinute, with_count

logger = logging.getLogger(__name__)

MAX_LINE_LENGTH = 500
# The log line of a counter; other counters are logged by name.
LINES = {
    named(DROPPED_UPDATES, "receive"): "Page updates cannot be received",
    named(DROPPED_UPDATES, "read"): "Page updates cannot be read",
    named(DROPPED_UPDATES, "tell"): "Page updates cannot be sent",
    named(REFUSED_REQUESTS, "request"): "Requests are answered with 503: too many are waiting",
    named(REFUSED_REQUESTS, "handshake"): "WebSockets are refused: too many are waiting",
    named(REFUSED_REQUESTS, "connection"): "Connections are refused: descriptors are running out",
    named(REFUSED_REQUESTS, "socket"): "WebSockets are refused: the user has too many open",
    named(REFUSED_REQUESTS, "snapshot"): "Snapshots are refused: pages request them too often",
    named(REFUSED_REQUESTS, "unreadable"): "Requests with invalid values are answered with 400",
    named(CUT_OFF_CLIENTS, "silent"): "Clients are disconnected: they never send a request",
    named(CUT_OFF_CLIENTS, "late"): "Clients are disconnected: they send a request too slowly",
    named(CUT_OFF_CLIENTS, "unread"): "Clients are disconnected: they read too slowly",
    named(CUT_OFF_CLIENTS, "too_long"): "Clients are disconnected: they send oversized messages",
    named(CUT_OFF_CLIENTS, "flood"): "Clients are disconnected: they send too many messages",
}


class Losses:
    """Counts what was dropped until it is added to the counters on Redis; thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counted: Counter[str] = Counter()
        self._lines = OnceAMinute()

    def count(self, name: str, reason: object = "") -> None:
        """Counts one more, and logs the loss at most once a minute.

        Args:
            name: counter name with its labels (:func:`sessions_app.telemetry.counters.named`).
            reason: why, or whose; only that of the logged occurrence appears in the log.
        """
        with self._lock:
            self._counted[name] += 1
        omitted = self._lines.left_out(name)
        if omitted is None:
            return
        line = LINES.get(name, f"Lost or refused: {name}")
        if reason:
            line = f"{line}: {reason}"[:MAX_LINE_LENGTH]
        logger.warning("%s", with_count(line, omitted))

    def save(self, client: "redis.Redis") -> None:
        """Adds what was counted to the counters on Redis.

        Raises:
            redis.RedisError: Redis does not answer; the counts are added the next time.
        """
        counted = self.take()
        with client.pipeline(transaction=False) as pipeline:
            queue_counters(pipeline, counted)
            try:
                pipeline.execute()
            except redis.RedisError:
                self.put_back(counted)
                raise

    def take(self) -> Counter[str]:
        """The counts since the last call, by counter name."""
        with self._lock:
            counted, self._counted = self._counted, Counter()
        return counted

    def put_back(self, counted: Counter[str]) -> None:
        """Restores counts that could not be added."""
        with self._lock:
            self._counted.update(counted)


losses = Losses()
