"""What this web process dropped or had no room for: counted, and logged once a minute at most."""

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

LONGEST_REASON = 500
# What the log says of a counter; of the others, their names.
LINES = {
    named(DROPPED_UPDATES, "receive"): "Updates of pages cannot be received",
    named(DROPPED_UPDATES, "read"): "Updates of pages cannot be read",
    named(DROPPED_UPDATES, "tell"): "Updates cannot be told to pages",
    named(REFUSED_REQUESTS, "request"): "Requests are answered 503: too many are waiting",
    named(REFUSED_REQUESTS, "handshake"): "WebSockets are refused: too many are waiting",
    named(REFUSED_REQUESTS, "connection"): "Connections are refused: too few descriptors are left",
    named(REFUSED_REQUESTS, "socket"): "WebSockets are refused: their user has too many open",
    named(REFUSED_REQUESTS, "snapshot"): "Snapshots are refused: pages ask for them too often",
    named(REFUSED_REQUESTS, "unreadable"): "Requests ask for what cannot be, and are answered 400",
    named(CUT_OFF_CLIENTS, "silent"): "Clients are disconnected: they send no request",
    named(CUT_OFF_CLIENTS, "late"): "Clients are disconnected: they send a request too slowly",
    named(CUT_OFF_CLIENTS, "unread"): "Clients are disconnected: they read too slowly",
    named(CUT_OFF_CLIENTS, "too_long"): "Clients are disconnected: they send too long a message",
    named(CUT_OFF_CLIENTS, "flood"): "Clients are disconnected: they send too many messages",
}


class Losses:
    """Counts what was dropped, until it is added to the counters on Redis; by any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counted: Counter[str] = Counter()
        self._lines = OnceAMinute()

    def count(self, name: str, reason: object = "") -> None:
        """Counts one more, and logs once a minute what is being lost.

        Args:
            name: of the counter, with its labels (:func:`sessions_app.telemetry.counters.named`).
            reason: why, or whose; the log has that of the one that is logged.
        """
        with self._lock:
            self._counted[name] += 1
        left_out = self._lines.left_out(name)
        if left_out is None:
            return
        line = LINES.get(name, f"Lost or refused: {name}")
        if reason:
            line = f"{line}: {reason}"[:LONGEST_REASON]
        logger.warning("%s", with_count(line, left_out))

    def save(self, client: "redis.Redis") -> None:
        """Adds what was counted to the counters on Redis.

        Raises:
            redis.RedisError: Redis does not answer; it is added the next time.
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
        """What was counted since the last call, by the names of the counters."""
        with self._lock:
            counted, self._counted = self._counted, Counter()
        return counted

    def put_back(self, counted: Counter[str]) -> None:
        """Counts again what could not be added."""
        with self._lock:
            self._counted.update(counted)


losses = Losses()
