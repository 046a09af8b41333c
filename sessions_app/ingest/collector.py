"""The collector: from the platform's streams and Pub/Sub to blocks of events for the scorer.

Every event is delivered at least once and counted exactly once: blocks are delivered to the shards
before entries are acknowledged, and the scorer recognises redelivered entries by their IDs.
"""

import logging
import math
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import redis

from sessions_app.events.blocks import Block
from sessions_app.events.decoding import Fault
from sessions_app.events.identification import Identification
from sessions_app.ingest.batch import CollectedBatch
from sessions_app.ingest.claims import Batch
from sessions_app.ingest.collector_report import CollectorReport
from sessions_app.ingest.dead_letters import DeadLetterLog, set_aside
from sessions_app.ingest.delivery import Delivery, queue_delivery
from sessions_app.ingest.identity_secret import IdentityKeeper
from sessions_app.ingest.pubsub_listener import (
    LEASE_MS,
    Hold,
    Message,
    Subscriber,
    hold_lease,
    release_lease,
    steady_seconds,
)
from sessions_app.ingest.read_size import BUDGET_BYTES
from sessions_app.ingest.stream_reader import create_groups, stream_reader
from sessions_app.redis_access import keys
from sessions_app.redis_access.bounded_replies import ReplyTooLargeError
from sessions_app.redis_access.client import REDIS_ERRORS, cluster_client, server_time_ms
from sessions_app.telemetry.counters import queue_counters
from sessions_app.telemetry.once_a_minute import log_once_a_minute
from sessions_app.ticks import CATCH_UP_TICKS, TICK_MS

logger = logging.getLogger(__name__)

IDLE_BLOCK_MS = 200
# A batch costs one block per shard, however few events it has. So it is given time to fill, except
# when the end of a tick must be reported.
FILLING_SECONDS = 0.05
STATUS_SECONDS = 1.0
HOUSEKEEPING_SECONDS = 30.0
HEARTBEAT_LIFETIME_MS = 60_000
# A collector that was suspended for longer than this, for example by SIGSTOP, does not deliver
# entries it read before: another collector has long claimed them.
DELIVERY_MS = 60_000
# Older messages belong to ticks that are no longer caught up on.
MESSAGE_LIFETIME_MS = CATCH_UP_TICKS * TICK_MS
# Longest time spent on delivering queued messages before the process ends.
SHUTDOWN_SECONDS = 5.0


class Collector:
    """One collector process. Several share the work when they are started with different names.

    Args:
        connect: creates a Redis client; called for each connection it needs.
        name: unique among the running collectors.
        batch_size: maximum stream entries per channel and read, and Pub/Sub messages per step.
        retention_ms: how long entries stay in the streams; 0 to never trim them.
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
        self.events = cluster_client(self.client)
        self.reader = stream_reader(self.events, name, batch_size)
        self.subscriber = Subscriber(connect() if self.events is self.client else self.events)
        self.dead_letter_log = DeadLetterLog()
        self._identities = IdentityKeeper()
        self._identification: Identification
        self._report = CollectorReport(self.client, name, self.subscriber)
        self._held: list[CollectedBatch] = []
        self._held_since_ms = 0
        self._delivered = False
        self._heartbeat_ms = 0
        self._reported_ms = 0
        self._read_at = -math.inf
        self._subscriber_read_ms = 0
        self._recovering = True
        self._has_just_recovered = False
        self._lease_due = 0.0
        self._status_due = 0.0
        self._housekeeping_due = 0.0

    def start(self) -> None:
        """Prepares consumer groups and lease; call it first, and again after a failure."""
        self._lease_due = 0.0
        self._keep_lease()
        create_groups(self.events, server_time_ms(self.client))
        self._look_up_identification()
        self._recovering = True
        self.reader.size.restart()
        self._heartbeat_ms = 0
        self._status_due = self._housekeeping_due = 0.0
        self._note_time(server_time_ms(self.client))

    def step(self) -> int:
        """Reads and delivers one batch; returns its number of payloads.

        Raises:
            redis.RedisError: Redis does not answer or refuses; nothing is lost, call :meth:`start`
                and continue.
        """
        self._keep_lease()
        if not self._held:
            self._keep_up_status()
            # By the server's clock, and before reading, so that any delay is included.
            self._held_since_ms = self._heartbeat_ms
            self._held, self._delivered = self._receive(), False
        return self._forward()

    def stop(self) -> None:
        """Delivers queued messages, releases the lease and deregisters; best effort."""
        self.subscriber.stop(seconds=SHUTDOWN_SECONDS)
        try:
            self._drain()
            release_lease(self.client, self.name)
            self.client.zrem(keys.COLLECTORS, self.name)
        except REDIS_ERRORS as error:
            logger.warning("Could not deregister from Redis: %s", error)

    def _collected_batch(self, batches: Sequence[Batch], messages: list[Message]) -> CollectedBatch:
        return CollectedBatch(batches, messages, self._now_ms(), self._identification)

    def _look_up_identification(self) -> None:
        self._identification = self._identities.current(self.client, server_time_ms(self.client))

    def _drain(self) -> None:
        give_up_at = time.monotonic() + SHUTDOWN_SECONDS
        while self._held or self.subscriber:
            if not self._held:
                self._held_since_ms = self._heartbeat_ms
                self._held, self._delivered = [self._take_messages()], False
            self._forward()
            if self.subscriber and time.monotonic() > give_up_at:
                self._report.discarded += len(self.subscriber)
                self._report.publish()
                return

    def _receive(self) -> list[CollectedBatch]:
        """The next batches: stream entries separate from messages, and claimed entries alone."""
        if recovered := self._recover():
            return [self._collected_batch(recovered, [])]
        self._let_fill()
        batches = self._read_streams()
        return [self._collected_batch(batches, []), self._take_messages()]

    def _let_fill(self) -> None:
        """Waits until a batch is worth its blocks, unless more than one batch is waiting."""
        now_ms = self._now_ms()
        into_tick_ms = now_ms % TICK_MS
        is_behind = self.reader.size.was_full or len(self.subscriber) >= self.batch_size
        is_reported = self._reported_ms >= now_ms - into_tick_ms
        if is_reported and not (self._recovering or is_behind):
            # By a monotonic clock, so that a clock change cannot prolong the wait.
            wanted = self._read_at + FILLING_SECONDS - time.monotonic()
            time.sleep(max(0.0, min(wanted, (TICK_MS - into_tick_ms) / 1000)))
        self._read_at = time.monotonic()

    def _take_messages(self) -> CollectedBatch:
        return self._collected_batch([], self.subscriber.take(self.batch_size, BUDGET_BYTES))

    def _recover(self) -> list[Batch]:
        """Claimed entries; only every other time, so that new ones are read in between."""
        if not self._recovering or self._has_just_recovered:
            self._has_just_recovered = False
            return []
        batches = self.reader.recover()
        self._recovering = self._has_just_recovered = bool(batches)
        return batches

    def _read_streams(self) -> list[Batch]:
        block_ms = 1 if self._recovering else self._patience_ms()
        with self.client.pipeline(transaction=False) as pipeline:
            self._queue_heartbeat(pipeline)
            try:
                return self.reader.read(pipeline, block_ms)
            except ReplyTooLargeError as error:
                logger.debug("Reading again in smaller parts: %s.", error)
                self._recovering = True
                return []

    def _patience_ms(self) -> int:
        """How long to wait for entries: not past the end of a tick, which must be reported."""
        if self.subscriber:
            return 1
        return min(IDLE_BLOCK_MS, TICK_MS - self._now_ms() % TICK_MS + 1)

    def _now_ms(self) -> int:
        return time.time_ns() // 1_000_000 + self.subscriber.clock_offset_ms

    def _queue_heartbeat(self, pipeline: Any) -> None:
        """Reports the time up to which everything read was delivered: the scorer's watermark."""
        if self._heartbeat_ms:
            pipeline.zadd(keys.COLLECTORS, {self.name: self._heartbeat_ms})
            if self.subscriber.running:
                # Without a subscription, no message can arrive that is worth waiting for.
                waits = self.subscriber.subscribed or len(self.subscriber)
                read_ms = self._subscriber_read_ms if waits else self._heartbeat_ms
                pipeline.set(keys.SUBSCRIBER_READ, read_ms)
                self._reported_ms = min(self._heartbeat_ms, read_ms)
            else:
                self._reported_ms = self._heartbeat_ms

    def _forward(self) -> int:
        if not self._delivered:
            self._deliver()
            self._delivered = True
        self._acknowledge()
        held, self._held = self._held, []
        for batch in held:
            self.dead_letter_log.add(batch.letters)
            self._report.collected += len(batch.builder)
            read_ms = batch.subscriber_read_ms
            self._subscriber_read_ms = max(self._subscriber_read_ms, read_ms)
        return sum(map(len, held))

    def _deliver(self) -> None:
        if not any(map(len, self._held)):
            return
        with self.events.pipeline(transaction=False) as pipeline:
            blocks = self._queue_blocks(pipeline)
            # Checked as late as possible: we may have been suspended at any point before.
            now_ms = server_time_ms(self.client)
            if now_ms - self._held_since_ms > DELIVERY_MS:
                self._forget_overdue(now_ms)
                pipeline.reset()
                blocks = self._queue_blocks(pipeline)
            deliveries = pipeline.execute()
        self._count_late(blocks, deliveries)

    def _queue_blocks(self, pipeline: Any) -> list[Block]:
        """Queues the held batches; returns their blocks in the order of the replies."""
        blocks = [pair for batch in self._held for pair in batch.builder.blocks()]
        queue_delivery(pipeline, blocks)
        return [block for _, block in blocks]

    def _count_late(self, blocks: list[Block], deliveries: list[int]) -> None:
        late = deliveries.count(Delivery.LATE)
        if late:
            self.client.hincrby(keys.COLLECTOR_TOTALS, "late_blocks", late)
        self._report.too_late += sum(
            len(block.events)
            for block, delivery in zip(blocks, deliveries, strict=True)
            if delivery == Delivery.TOO_LATE
        )

    def _forget_overdue(self, now_ms: int) -> None:
        """Drops overdue batches of entries, which others claim, and of messages, unless recent."""
        messages = []
        for batch in self._held:
            if batch.entry_ids:
                log_once_a_minute(
                    logger,
                    logging.WARNING,
                    "Held up for %d s: reading %d stream entries again instead of delivering them.",
                    (now_ms - self._held_since_ms) // 1000,
                    len(batch),
                )
                self._recovering = True
            elif now_ms - batch.newest_message_ms <= MESSAGE_LIFETIME_MS:
                messages.append(batch)
            else:
                self._report.discarded += len(batch)
        self._held = messages

    def _acknowledge(self) -> None:
        # One transaction, so that a dead letter is written exactly when its entry is acknowledged.
        # Across several nodes there is none: a crash in between writes a dead letter twice.
        with self.client.pipeline(transaction=True) as pipeline:
            if self.events is self.client:
                self._queue_acknowledgement(pipeline)
            else:
                with self.events.pipeline(transaction=False) as acknowledging:
                    self._queue_acknowledgement(acknowledging)
                    acknowledging.execute()
            for field, count in self._totals().items():
                pipeline.hincrby(keys.COLLECTOR_TOTALS, field, count)
            for batch in self._held:
                queue_counters(pipeline, batch.counters())
            pipeline.time()
            seconds, microseconds = pipeline.execute()[-1]
        self._note_time(seconds * 1000 + microseconds // 1000)

    def _queue_acknowledgement(self, pipeline: Any) -> None:
        for batch in self._held:
            set_aside(pipeline, batch.letters)
            self.reader.queue_acknowledgement(pipeline, batch.entry_ids)

    def _totals(self) -> Counter[str]:
        """Increments of the totals of all collectors, without zeros."""
        totals: Counter[str] = Counter()
        for batch in self._held:
            totals["events"] += len(batch.builder)
            totals["dead_letters"] += len(batch.letters)
            totals["given_up"] += sum(letter.fault is Fault.GIVEN_UP for letter in batch.letters)
        return +totals

    def _note_time(self, server_ms: int) -> None:
        self.subscriber.clock_offset_ms = server_ms - time.time_ns() // 1_000_000
        self._heartbeat_ms = server_ms

    def _keep_up_status(self) -> None:
        now = time.monotonic()
        if now >= self._status_due:
            self._status_due = now + STATUS_SECONDS
            self._look_up_identification()
            self._recovering = True
            self._report.publish()
            self.dead_letter_log.report()
        if now >= self._housekeeping_due:
            self._housekeeping_due = now + HOUSEKEEPING_SECONDS
            self._housekeep()

    def _keep_lease(self) -> None:
        """Renews the lease once a second, even while delivery is stuck."""
        began = steady_seconds()
        if began < self._lease_due:
            return
        hold = hold_lease(self.client, self.name)
        self._lease_due = began + STATUS_SECONDS
        if hold is Hold.ANOTHERS:
            self.subscriber.stop()
            return
        # Counted from before the call, so that it ends here before another collector can take it.
        self.subscriber.keep_until(began + LEASE_MS / 1000, hold is Hold.TAKEN)
        if not self.subscriber.running:
            self._subscriber_read_ms = 0
            self.subscriber.start()

    def _housekeep(self) -> None:
        now = server_time_ms(self.client)
        self.client.zremrangebyscore(keys.COLLECTORS, "-inf", now - HEARTBEAT_LIFETIME_MS)
        self.reader.forget_consumers()
        if self.retention_ms:
            self.reader.trim(now - self.retention_ms)
