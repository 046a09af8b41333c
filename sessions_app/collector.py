"""The collector: from the platform's streams and Pub/Sub to blocks of events for the scorer.

Every event is delivered at least once and counted exactly once: blocks go to the shards first, the
entries are acknowledged afterwards, and the scorer knows an entry that it has had by its ID.
"""

import logging
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import redis

from sessions_app import keys
from sessions_app.arrivals import Delivery, queue_delivery
from sessions_app.blocks import Block
from sessions_app.connection import UNREACHABLE, events_client
from sessions_app.dead_letters import DeadLetterLog, set_aside
from sessions_app.figures import DROPPED_MESSAGES, SUBSCRIPTION_BREAKS, TOO_LATE, queue_figures
from sessions_app.handover import Handover
from sessions_app.identification import Identification
from sessions_app.identity_secret import IdentityKeeper
from sessions_app.streams import (
    Batches,
    create_groups,
    server_time_ms,
    stream_reader,
)
from sessions_app.subscriber import Message, Subscriber, hold_lease, release_lease
from sessions_app.ticks import TICK_MS

logger = logging.getLogger(__name__)

IDLE_BLOCK_MS = 200
STATUS_SECONDS = 1.0
HOUSEKEEPING_SECONDS = 30.0
STATUS_LIFETIME_SECONDS = 30
HEARTBEAT_LIFETIME_MS = 60_000


class Collector:
    """One collector process. Several share the work when they are started with different names.

    Args:
        connect: makes a Redis client; called for each of the connections it needs.
        name: unique among the running collectors.
        batch_size: stream entries per channel and read, and Pub/Sub messages per step.
        retention_ms: how long entries stay in the streams; 0 leaves them alone.
    """

    def __init__(
        self,
        connect: Callable[[], "redis.Redis"],
        name: str,
        batch_size: int,
        retention_ms: int = 0,
    ) -> None:
        self.name = name
        self.batch_size = batch_size
        self.retention_ms = retention_ms
        self.client = connect()
        self.events = events_client(self.client)
        self.reader = stream_reader(self.events, name, batch_size)
        self.subscriber = Subscriber(connect() if self.events is self.client else self.events)
        self.letter_log = DeadLetterLog()
        self._identities = IdentityKeeper()
        self._identification: Identification
        self._handover: Handover | None = None
        self._heartbeat_ms = 0
        self._subscriber_read_ms = 0
        self._recovering = True
        self._status_due = 0.0
        self._housekeeping_due = 0.0
        self._collected = 0
        self._rate_since = (time.monotonic(), 0)
        self._losses_told: Counter[str] = Counter()

    def start(self) -> None:
        """Prepares groups and lease; to be called first, and again after a failure."""
        create_groups(self.events, server_time_ms(self.client))
        self._look_up_identification()
        self._recovering = True
        self._heartbeat_ms = 0
        self._status_due = self._housekeeping_due = 0.0
        self._note_time(server_time_ms(self.client))

    def step(self) -> int:
        """Reads and hands on one batch; returns how many payloads it had.

        Raises:
            redis.RedisError: Redis does not answer or refuses; nothing is lost, call :meth:`start`
                and go on.
        """
        if self._handover is not None:
            return self._hand_on(self._handover)
        self._keep_up_status()
        batches = self.reader.claim() if self._recovering else []
        batches += self._read_streams(wait=not batches)
        messages = self.subscriber.take(self.batch_size)
        return self._hand_on(self._handover_of(batches, messages))

    def stop(self) -> None:
        """Hands on what is queued, gives up the lease and says good-bye; best effort."""
        self.subscriber.stop()
        try:
            if self._handover is not None:
                self._hand_on(self._handover)
            while self.subscriber:
                messages = self.subscriber.take(self.batch_size)
                self._hand_on(self._handover_of([], messages))
            release_lease(self.client, self.name)
            self.client.zrem(keys.COLLECTORS, self.name)
        except (redis.RedisError, *UNREACHABLE) as error:
            logger.warning("Could not say good-bye to Redis: %s", error)

    def _handover_of(self, batches: Batches, messages: list[Message]) -> Handover:
        return Handover(batches, messages, self._now_ms(), self._identification)

    def _look_up_identification(self) -> None:
        self._identification = self._identities.current(self.client, server_time_ms(self.client))

    def _read_streams(self, wait: bool) -> Batches:
        block_ms = self._patience_ms() if wait else 1
        with self.client.pipeline(transaction=False) as pipeline:
            self._queue_heartbeat(pipeline)
            batches = self.reader.read(pipeline, block_ms, pending=self._recovering)
        self._recovering = self._recovering and bool(batches)
        return batches

    def _patience_ms(self) -> int:
        """How long to wait for entries: not past a tick's end, which is to be reported at once."""
        if self.subscriber:
            return 1
        return min(IDLE_BLOCK_MS, TICK_MS - self._now_ms() % TICK_MS + 1)

    def _now_ms(self) -> int:
        return time.time_ns() // 1_000_000 + self.subscriber.clock_offset_ms

    def _queue_heartbeat(self, pipeline: Any) -> None:
        """Tells up to when all that was read has been handed on: the scorer's watermark."""
        if self._heartbeat_ms:
            pipeline.zadd(keys.COLLECTORS, {self.name: self._heartbeat_ms})
            if self.subscriber.running:
                # Without a subscription nothing can arrive that would be worth waiting for.
                waits = self.subscriber.subscribed or len(self.subscriber)
                read_ms = self._subscriber_read_ms if waits else self._heartbeat_ms
                pipeline.set(keys.SUBSCRIBER_READ, read_ms)

    def _hand_on(self, handover: Handover) -> int:
        self._handover = handover
        if not handover.delivered:
            self._deliver(handover)
        self._acknowledge(handover)
        self._handover = None
        self.letter_log.add(handover.letters)
        self._collected += len(handover.builder)
        self._subscriber_read_ms = max(self._subscriber_read_ms, handover.subscriber_read_ms)
        return len(handover)

    def _deliver(self, handover: Handover) -> None:
        if len(handover.builder):
            blocks = list(handover.builder.blocks())
            with self.events.pipeline(transaction=False) as pipeline:
                queue_delivery(pipeline, blocks)
                deliveries = pipeline.execute()
            self._count_late(blocks, deliveries)
        handover.delivered = True

    def _count_late(self, blocks: list[tuple[int, Block]], deliveries: list[int]) -> None:
        late = deliveries.count(Delivery.LATE)
        if late:
            self.client.hincrby(keys.COLLECTOR_TOTALS, "late_blocks", late)
        too_late = [
            len(block.events)
            for (_, block), delivery in zip(blocks, deliveries, strict=True)
            if delivery == Delivery.TOO_LATE
        ]
        if too_late:
            with self.client.pipeline(transaction=False) as pipeline:
                queue_figures(pipeline, {TOO_LATE: sum(too_late)})
                pipeline.execute()
            logger.warning("Refused %d events that came too late to count.", sum(too_late))

    def _acknowledge(self, handover: Handover) -> None:
        # One transaction: a letter is written just when its entry is acknowledged. Over several
        # nodes there is none: a collector that dies in between leaves a letter twice.
        with self.client.pipeline(transaction=True) as pipeline:
            if self.events is self.client:
                self._queue_acknowledgement(pipeline, handover)
            else:
                with self.events.pipeline(transaction=False) as acknowledging:
                    self._queue_acknowledgement(acknowledging, handover)
                    acknowledging.execute()
            counts = {"events": len(handover.builder), "dead_letters": len(handover.letters)}
            for field, count in counts.items():
                if count:
                    pipeline.hincrby(keys.COLLECTOR_TOTALS, field, count)
            queue_figures(pipeline, handover.figures())
            pipeline.time()
            seconds, microseconds = pipeline.execute()[-1]
        self._note_time(seconds * 1000 + microseconds // 1000)

    def _queue_acknowledgement(self, pipeline: Any, handover: Handover) -> None:
        set_aside(pipeline, handover.letters)
        self.reader.queue_acknowledgement(pipeline, handover.batches)

    def _note_time(self, server_ms: int) -> None:
        self.subscriber.clock_offset_ms = server_ms - time.time_ns() // 1_000_000
        self._heartbeat_ms = server_ms

    def _keep_up_status(self) -> None:
        now = time.monotonic()
        if now >= self._status_due:
            self._status_due = now + STATUS_SECONDS
            self._keep_lease()
            self._look_up_identification()
            self._recovering = True
            self._publish_status(now)
            self.letter_log.report()
        if now >= self._housekeeping_due:
            self._housekeeping_due = now + HOUSEKEEPING_SECONDS
            self._housekeep()

    def _keep_lease(self) -> None:
        held = hold_lease(self.client, self.name)
        if held and not self.subscriber.running:
            self._subscriber_read_ms = 0
            self.subscriber.start()
        elif not held and self.subscriber.running:
            self.subscriber.stop()

    def _publish_status(self, now: float) -> None:
        since, collected = self._rate_since
        elapsed = max(now - since, 1e-3)
        if elapsed >= 5:
            self._rate_since = (now, self._collected)
        status = {
            "events": self._collected,
            "events_per_second": round((self._collected - collected) / elapsed, 1),
            "subscriber": int(self.subscriber.running),
            "queued_messages": len(self.subscriber),
            "interruptions": self.subscriber.interruptions,
            "overflows": self.subscriber.overflows,
        }
        losses = Counter(
            {
                SUBSCRIPTION_BREAKS: self.subscriber.interruptions,
                DROPPED_MESSAGES: self.subscriber.overflows,
            }
        )
        with self.client.pipeline(transaction=False) as pipeline:
            pipeline.hset(keys.collector_status(self.name), mapping=status)
            pipeline.expire(keys.collector_status(self.name), STATUS_LIFETIME_SECONDS)
            queue_figures(pipeline, losses - self._losses_told)
            pipeline.execute()
        self._losses_told = losses

    def _housekeep(self) -> None:
        now = server_time_ms(self.client)
        self.client.zremrangebyscore(keys.COLLECTORS, "-inf", now - HEARTBEAT_LIFETIME_MS)
        self.reader.forget_consumers()
        if self.retention_ms:
            self.reader.trim(now - self.retention_ms)
