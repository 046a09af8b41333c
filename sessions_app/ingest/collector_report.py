"""A collector's status report: its rate, its queue, and its losses."""

import logging
import time
from collections import Counter

import redis

from sessions_app.ingest.pubsub_listener import Subscriber
from sessions_app.redis_access import keys
from sessions_app.telemetry.counters import (
    DROPPED_MESSAGES,
    SUBSCRIPTION_BREAKS,
    TOO_LATE,
    queue_counters,
)
from sessions_app.telemetry.once_a_minute import OnceAMinute

logger = logging.getLogger(__name__)

LIFETIME_SECONDS = 30
RATE_SECONDS = 5
NEWS_SECONDS = 60.0
LINES = {
    DROPPED_MESSAGES: (
        "Dropped %d Pub/Sub messages: there were more than the queue holds, they were held up for "
        "too long, or the lease had run out."
    ),
    TOO_LATE: "Refused %d events that came too late to count.",
}


class CollectorReport:
    """Publishes a collector's status and adds its losses to the counters.

    Args:
        client: of the server of ``REDIS_URL``.
        name: the collector.
        subscriber: whose queue and losses are reported.

    Attributes:
        collected: number of delivered events.
        discarded: number of Pub/Sub messages taken from the queue and dropped.
        too_late: number of events that came too late to count.
    """

    def __init__(self, client: "redis.Redis", name: str, subscriber: Subscriber) -> None:
        self.collected = 0
        self.discarded = 0
        self.too_late = 0
        self._client = client
        self._name = name
        self._subscriber = subscriber
        self._rate_since = (time.monotonic(), 0)
        self._published: Counter[str] = Counter()
        self._logged: Counter[str] = Counter()
        self._lines = OnceAMinute()
        self._last_drop = float("-inf")

    def publish(self) -> None:
        """Publishes the current status, and the losses since the last call.

        Raises:
            redis.RedisError: Redis does not answer; the losses are published the next time.
        """
        losses = self._losses()
        fresh = losses - self._published
        now = time.monotonic()
        if fresh[DROPPED_MESSAGES]:
            self._last_drop = now
        with self._client.pipeline(transaction=False) as pipeline:
            pipeline.hset(keys.collector_status(self._name), mapping=self._status(now))
            pipeline.expire(keys.collector_status(self._name), LIFETIME_SECONDS)
            queue_counters(pipeline, fresh)
            pipeline.execute()
        self._published = losses
        self._log(losses)

    def _status(self, now: float) -> dict[str, float]:
        since, collected = self._rate_since
        elapsed = max(now - since, 1e-3)
        if elapsed >= RATE_SECONDS:
            self._rate_since = (now, self.collected)
        return {
            "events": self.collected,
            "events_per_second": round((self.collected - collected) / elapsed, 1),
            "subscriber": int(self._subscriber.running),
            "queued_messages": len(self._subscriber),
            "queued_bytes": self._subscriber.queued_bytes,
            "interruptions": self._subscriber.interruptions,
            "overflows": self._subscriber.overflows,
            "drops_messages": int(now - self._last_drop < NEWS_SECONDS),
        }

    def _losses(self) -> Counter[str]:
        dropped = self._subscriber.overflows + self.discarded
        return Counter(
            {
                SUBSCRIPTION_BREAKS: self._subscriber.interruptions,
                DROPPED_MESSAGES: dropped,
                TOO_LATE: self.too_late,
            }
        )

    def _log(self, losses: Counter[str]) -> None:
        for name, text in LINES.items():
            fresh = losses[name] - self._logged[name]
            if fresh and self._lines.left_out(name) is not None:
                logger.warning(text, fresh)
                self._logged[name] = losses[name]
