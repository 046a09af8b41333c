"""The collector: from the platform's streams and Pub/Sub to blocks of events for the scorer.

Every event is delivered at least once and counted exactly once: blocks go to the shards first, the
entries are acknowledged afterwards, and the scorer knows an entry that it has had by its ID.
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
from sessions_app.ingest.batch import Handover
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
from sessions_app.redis_access.bounded_replies import AnswerTooLargeError
from sessions_app.redis_access.client import REDIS_ERRORS, events_client, server_time_ms
from sessions_app.telemetry.counters import queue_figures
from sessions_app.telemetry.once_a_minute import log_once_a_minute
from sessions_app.ticks import CATCH_UP_TICKS, TICK_MS

logger = logging.getLogger(__name__)

IDLE_BLOCK_MS = 200
# A batch costs a block for each shard, however few its events are: it has time to fill, except when
# a tick's end is to be reported.
FILLING_SECONDS = 0.05
STATUS_SECONDS = 1.0
HOUSEKEEPING_SECONDS = 30.0
HEARTBEAT_LIFETIME_MS = 60_000
# Whoever has been held up for longer than this, as by SIGSTOP, delivers no entries that it read
# before: another collector has claimed them long ago.
DELIVERY_MS = 60_000
# Older messages are of ticks that are not made up for any more.
MESSAGE_LIFETIME_MS = CATCH_UP_TICKS * TICK_MS
# What is queued is handed on before the process ends, but not for longer than this.
FAREWELL_SECONDS = 5.0


class Collector:
    """One collector process. Several share the work when they are started with different names.

    Args:
        connect: makes a Redis client; called for each of the connections it needs.
        name: unique among the running collectors.
        batch_size: the most stream entries per channel and read, and Pub/Sub messages per step.
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
        self._report = CollectorReport(self.client, name, self.subscriber)
        self._held: list[Handover] = []
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
        """Prepares groups and lease; to be called first, and again after a failure."""
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
        """Reads and hands on one batch; returns how many payloads it had.

        Raises:
            redis.RedisError: Redis does not answer or refuses; nothing is lost, call :meth:`start`
                and go on.
        """
        self._keep_lease()
        if not self._held:
            self._keep_up_status()
            # By the server's clock, and before anything is read: whatever holds us up counts.
            self._held_since_ms = self._heartbeat_ms
            self._held, self._delivered = self._receive(), False
        return self._hand_on()

    def stop(self) -> None:
        """Hands on what is queued, gives up the lease and says good-bye; best effort."""
        self.subscriber.stop(seconds=FAREWELL_SECONDS)
        try:
            self._hand_on_the_rest()
            release_lease(self.client, self.name)
            self.client.zrem(keys.COLLECTORS, self.name)
        except REDIS_ERRORS as error:
            logger.warning("Could not say good-bye to Redis: %s", error)

    def _handover_of(self, batches: Sequence[Batch], messages: list[Message]) -> Handover:
        return Handover(batches, messages, self._now_ms(), self._identification)

    def _look_up_identification(self) -> None:
        self._identification = self._identities.current(self.client, server_time_ms(self.client))

    def _hand_on_the_rest(self) -> None:
        give_up_at = time.monotonic() + FAREWELL_SECONDS
        while self._held or self.subscriber:
            if not self._held:
                self._held_since_ms = self._heartbeat_ms
                self._held, self._delivered = [self._take_messages()], False
            self._hand_on()
            if self.subscriber and time.monotonic() > give_up_at:
                self._report.discarded += len(self.subscriber)
                self._report.publish()
                return

    def _receive(self) -> list[Handover]:
        """What comes next: stream entries apart from messages, and recovered ones alone."""
        if recovered := self._recover():
            return [self._handover_of(recovered, [])]
        self._let_fill()
        batches = self._read_streams()
        return [self._handover_of(batches, []), self._take_messages()]

    def _let_fill(self) -> None:
        """Waits until a batch is worth its blocks, unless there is more than one batch to read."""
        into_tick_ms = self._now_ms() % TICK_MS
        is_behind = self.reader.size.was_full or len(self.subscriber) >= self.batch_size
        is_told = self._reported_ms >= self._now_ms() - into_tick_ms
        if is_told and not (self._recovering or is_behind):
            # By a clock that never jumps: nothing may hold us up for longer than that.
            wanted = self._read_at + FILLING_SECONDS - time.monotonic()
            time.sleep(max(0.0, min(wanted, (TICK_MS - into_tick_ms) / 1000)))
        self._read_at = time.monotonic()

    def _take_messages(self) -> Handover:
        return self._handover_of([], self.subscriber.take(self.batch_size, BUDGET_BYTES))

    def _recover(self) -> list[Batch]:
        """Entries that were read before; every other time, so that new ones go on meanwhile."""
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
            except AnswerTooLargeError as error:
                logger.debug("Reading again in smaller parts: %s.", error)
                self._recovering = True
                return []

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
                self._reported_ms = min(self._heartbeat_ms, read_ms)
            else:
                self._reported_ms = self._heartbeat_ms

    def _hand_on(self) -> int:
        if not self._delivered:
            self._deliver()
            self._delivered = True
        self._acknowledge()
        held, self._held = self._held, []
        for handover in held:
            self.letter_log.add(handover.letters)
            self._report.collected += len(handover.builder)
            read_ms = handover.subscriber_read_ms
            self._subscriber_read_ms = max(self._subscriber_read_ms, read_ms)
        return sum(map(len, held))

    def _deliver(self) -> None:
        if not any(map(len, self._held)):
            return
        with self.events.pipeline(transaction=False) as pipeline:
            blocks = self._queue_blocks(pipeline)
            # As late as can be: in whatever comes before, we may have been held up.
            now_ms = server_time_ms(self.client)
            if now_ms - self._held_since_ms > DELIVERY_MS:
                self._forget_overdue(now_ms)
                pipeline.reset()
                blocks = self._queue_blocks(pipeline)
            deliveries = pipeline.execute()
        self._count_late(blocks, deliveries)

    def _queue_blocks(self, pipeline: Any) -> list[Block]:
        """Queues what is held; returns the blocks, in the order of their answers."""
        blocks = [pair for handover in self._held for pair in handover.builder.blocks()]
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
        """Entries are in the streams: who holds them now hands them on. Of messages we had all."""
        messages = []
        for handover in self._held:
            if handover.entry_ids:
                log_once_a_minute(
                    logger,
                    logging.WARNING,
                    "Held up for %d s: %d stream entries are not delivered, but read again.",
                    (now_ms - self._held_since_ms) // 1000,
                    len(handover),
                )
                self._recovering = True
            elif now_ms - handover.newest_message_ms <= MESSAGE_LIFETIME_MS:
                messages.append(handover)
            else:
                self._report.discarded += len(handover)
        self._held = messages

    def _acknowledge(self) -> None:
        # One transaction: a letter is written just when its entry is acknowledged. Over several
        # nodes there is none: a collector that dies in between leaves a letter twice.
        with self.client.pipeline(transaction=True) as pipeline:
            if self.events is self.client:
                self._queue_acknowledgement(pipeline)
            else:
                with self.events.pipeline(transaction=False) as acknowledging:
                    self._queue_acknowledgement(acknowledging)
                    acknowledging.execute()
            for field, count in self._totals().items():
                pipeline.hincrby(keys.COLLECTOR_TOTALS, field, count)
            for handover in self._held:
                queue_figures(pipeline, handover.figures())
            pipeline.time()
            seconds, microseconds = pipeline.execute()[-1]
        self._note_time(seconds * 1000 + microseconds // 1000)

    def _queue_acknowledgement(self, pipeline: Any) -> None:
        for handover in self._held:
            set_aside(pipeline, handover.letters)
            self.reader.queue_acknowledgement(pipeline, handover.entry_ids)

    def _totals(self) -> Counter[str]:
        """What is added to the totals of all collectors: nothing that is 0."""
        totals: Counter[str] = Counter()
        for handover in self._held:
            totals["events"] += len(handover.builder)
            totals["dead_letters"] += len(handover.letters)
            totals["given_up"] += sum(letter.fault is Fault.GIVEN_UP for letter in handover.letters)
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
            self.letter_log.report()
        if now >= self._housekeeping_due:
            self._housekeeping_due = now + HOUSEKEEPING_SECONDS
            self._housekeep()

    def _keep_lease(self) -> None:
        """Renews the lease once a second, also while something else is held up."""
        began = steady_seconds()
        if began < self._lease_due:
            return
        hold = hold_lease(self.client, self.name)
        self._lease_due = began + STATUS_SECONDS
        if hold is Hold.ANOTHERS:
            self.subscriber.stop()
            return
        # From before it was asked for: whoever comes next has it later than that.
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
