"""What this web process dropped or had no room for: counted, and logged once a minute at most."""

import logging
import threading
from collections import Counter

import redis

from sessions_app.telemetry.counters import DROPPED_UPDATES, REFUSED_REQUESTS, named, queue_counters
from sessions_app.telemetry.once_a_minute import OnceAMinute, with_count

logger = logging.getLogger(__name__)

LONGEST_REASON = 500
# What the log says of a counter; of the others, their names.
LINES = {
    named(DROPPED_UPDATES, "receive"): "Updates of pages cannot be received",
    named(DROPPED_UPDATES, "read"): "Updates of pages cannot be read",
    named(DROPPED_UPDATES, "tell"): "Updates cannot be told to pages",
    named(REFUSED_REQUESTS, "request"): "Requests are refused, too many wait",
    named(REFUSED_REQUESTS, "handshake"): "Handshakes of sockets are refused, too many wait",
    named(REFUSED_REQUESTS, "socket"): "Sockets are refused, their user has too many open",
    named(REFUSED_REQUESTS, "snapshot"): "Pages ask for snapshots too often and get none",
    named(REFUSED_REQUESTS, "message"): "Sockets say too much at once and are closed",
    named(REFUSED_REQUESTS, "unreadable"): "Requests ask for what cannot be, and are answered 400",
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
