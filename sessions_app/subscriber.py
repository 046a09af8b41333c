"""Listening on Pub/Sub: a thread that only queues, lest the server cut it off for slowness.

Pub/Sub has no consumer groups. One collector at a time holds the lease for it.
"""

import logging
import threading
import time
from collections import deque
from typing import Any, NamedTuple

import redis

from sessions_app import keys
from sessions_app.outages import log_failure
from sessions_app.payloads import cut_if_too_large
from sessions_app.ticks import TICK_MS

logger = logging.getLogger(__name__)

LEASE_MS = 5_000
MAXIMUM_QUEUED = 1_000_000
MAXIMUM_QUEUED_BYTES = 64 * 1024 * 1024
# What Python takes for a message beside its data.
OVERHEAD_BYTES = 150
PING_SECONDS = 0.2


class Message(NamedTuple):
    """A payload as it came, or its beginning if it is too large.

    With channel -1, a mark: all that was published before is queued.
    """

    channel: int
    data: bytes
    time_ms: int


class Subscriber:
    """Queues what is published on the platform's channels.

    Attributes:
        interruptions: how often the subscription broke; what was published meanwhile is lost.
        overflows: messages that were dropped because the queue was full.
        clock_offset_ms: what to add to the local clock to get the server's.
        subscribed: whether the server has confirmed the subscription.
    """

    def __init__(self, client: "redis.Redis") -> None:
        self.interruptions = 0
        self.overflows = 0
        self.clock_offset_ms = 0
        self.subscribed = False
        self._client = client
        self._queue: deque[Message] = deque()
        # Each is written by one thread only: that which queues, and that which takes.
        self._bytes_queued = 0
        self._bytes_taken = 0
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def running(self) -> bool:
        return self._thread is not None

    @property
    def queued_bytes(self) -> int:
        """What the queue takes of the memory, about."""
        return self._bytes_queued - self._bytes_taken

    def start(self) -> None:
        """Subscribes, in a thread of its own, until :meth:`stop`."""
        # An event of its own, too: one that hangs beyond stop() must not go on because of this.
        self._stopping = threading.Event()
        self._thread = threading.Thread(
            target=self._run, args=(self._stopping,), name="subscriber", daemon=True
        )
        self._thread.start()

    def stop(self, seconds: float = 10.0) -> None:
        """Ends the subscription, waiting so long at most. What is queued stays queued."""
        if self._thread is not None:
            self._stopping.set()
            self._thread.join(timeout=seconds)
            self._thread = None

    def take(self, count: int, size: int) -> list[Message]:
        """Removes and returns up to ``count`` messages, oldest first, of about ``size`` bytes."""
        queue = self._queue
        taken: list[Message] = []
        last = self._bytes_taken + size
        while queue and len(taken) < count and self._bytes_taken < last:
            taken.append(queue.popleft())
            self._bytes_taken += _weight(taken[-1].data)
        return taken

    def __len__(self) -> int:
        return len(self._queue)

    def _run(self, stopping: threading.Event) -> None:
        delay = 0.1
        while not stopping.is_set():
            started = time.monotonic()
            try:
                self._listen(stopping)
            except Exception as error:  # noqa: BLE001 - nobody else listens, nor sees this end
                if stopping.is_set():
                    return
                self.interruptions += 1
                log_failure(logger, "The Pub/Sub subscription broke, and is made again", error)
                delay = 0.1 if time.monotonic() - started > 10 else min(5.0, delay * 2)
                stopping.wait(delay)

    def _listen(self, stopping: threading.Event) -> None:
        pubsub = self._client.pubsub()
        try:
            pubsub.subscribe(*keys.CHANNELS)
            confirmations = 0
            next_ping = 0.0
            while not stopping.is_set():
                if (now := time.monotonic()) >= next_ping:
                    pubsub.ping(str(self._now_ms()))
                    next_ping = now + min(PING_SECONDS, self._seconds_to_next_tick())
                message = pubsub.get_message(timeout=max(0.001, next_ping - now))
                if message is None:
                    continue
                if message["type"] == "subscribe":
                    confirmations += 1
                    self.subscribed = confirmations == len(keys.CHANNELS)
                    if confirmations > len(keys.CHANNELS):
                        raise redis.ConnectionError("the server had cut the connection")
                else:
                    self._queue_message(message)
        finally:
            self.subscribed = False
            pubsub.close()

    def _queue_message(self, message: dict[str, Any]) -> None:
        if message["type"] == "pong":
            self._append(Message(-1, b"", int(message["data"] or 0)))
        elif message["type"] == "message":
            data = cut_if_too_large(message["data"])
            if self._has_room(data):
                self._append(Message(_POSITIONS[message["channel"]], data, self._now_ms()))
            else:
                self.overflows += 1

    def _has_room(self, data: bytes) -> bool:
        if len(self._queue) >= MAXIMUM_QUEUED:
            return False
        return self.queued_bytes + _weight(data) <= MAXIMUM_QUEUED_BYTES

    def _append(self, message: Message) -> None:
        self._bytes_queued += _weight(message.data)
        self._queue.append(message)

    def _now_ms(self) -> int:
        return time.time_ns() // 1_000_000 + self.clock_offset_ms

    def _seconds_to_next_tick(self) -> float:
        return (TICK_MS - self._now_ms() % TICK_MS + 2) / 1000


def _weight(data: bytes) -> int:
    # Not len(), which for a payload that was cut is the length of the whole.
    return bytes.__len__(data) + OVERHEAD_BYTES


_POSITIONS = {name.encode(): position for position, name in enumerate(keys.CHANNELS)}


def hold_lease(client: "redis.Redis", name: str) -> bool:
    """Takes or renews the lease for Pub/Sub; whether ``name`` holds it now."""
    if client.set(keys.SUBSCRIBER_LEASE, name, nx=True, px=LEASE_MS):
        return True
    if client.get(keys.SUBSCRIBER_LEASE) != name.encode():
        return False
    return bool(client.pexpire(keys.SUBSCRIBER_LEASE, LEASE_MS))


def release_lease(client: "redis.Redis", name: str) -> None:
    """Gives the lease up, if ``name`` holds it, so that another collector need not wait."""
    if client.get(keys.SUBSCRIBER_LEASE) == name.encode():
        client.delete(keys.SUBSCRIBER_LEASE)
