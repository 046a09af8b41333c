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

logger = logging.getLogger(__name__)

LIFETIME_SECONDS = 30
RATE_SECONDS = 5
LOG_SECONDS = 60.0


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
        self._logged_at = float("-inf")
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
        self._log(losses, now)

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
            "drops_messages": int(now - self._last_drop < LOG_SECONDS),
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

    def _log(self, losses: Counter[str], now: float) -> None:
        fresh = losses - self._logged
        if now - self._logged_at < LOG_SECONDS:
            return
        if fresh[DROPPED_MESSAGES]:
            logger.warning(
                "Dropped %d Pub/Sub messages: the queue was full, they were delayed for too long, "
                "or the lease had expired.",
                fresh[DROPPED_MESSAGES],
            )
        if fresh[TOO_LATE]:
            logger.warning("Refused %d events that came too late to count.", fresh[TOO_LATE])
        if fresh[DROPPED_MESSAGES] or fresh[TOO_LATE]:
            self._logged, self._logged_at = losses, now
