"""The Pub/Sub subscription: a thread that only queues, so that the server does not cut it off.

Pub/Sub has no consumer groups, so one collector at a time holds a lease for it.
"""

import logging
import math
import threading
import time
from collections import deque
from enum import IntEnum
from typing import Any, NamedTuple

import redis

from sessions_app.backoff import Backoff
from sessions_app.events.excerpts import cut_if_too_large
from sessions_app.redis_access import keys
from sessions_app.telemetry.once_a_minute import OnceAMinute, with_count
from sessions_app.telemetry.outages import log_failure
from sessions_app.ticks import TICK_MS

logger = logging.getLogger(__name__)

LEASE_MS = 5_000
MAXIMUM_QUEUED = 1_000_000
MAXIMUM_QUEUED_BYTES = 64 * 1024 * 1024
# Memory of a queued message in Python besides its data.
OVERHEAD_BYTES = 150
PING_SECONDS = 0.2
LEASE_POLL_SECONDS = 0.05
DROPPING_SECONDS = 1.0
# After a subscription that lasted this long, the first attempt is made at once.
STEADY_SECONDS = 10.0
# Unlike the wall clock it never jumps, and unlike the monotonic clock it runs during suspend.
_STEADY_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


_lines = OnceAMinute()

# A key that never expires is not a lease of ours.
_HOLD = """
if redis.call('TTL', KEYS[1]) == -1 then redis.call('DEL', KEYS[1]) end
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return holder and 1 or 2
"""
_RELEASE = """
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
"""


class Hold(IntEnum):
    """What became of the lease."""

    ANOTHERS = 0
    RENEWED = 1
    TAKEN = 2


class Message(NamedTuple):
    """A payload as received, or its beginning if it is too large.

    Channel -1 is a marker: everything published before ``time_ms`` is queued.
    """

    channel: int
    data: bytes
    time_ms: int


class Lease(NamedTuple):
    """The right to subscribe.

    Attributes:
        number: changes whenever another collector may have held the lease in between.
        until: by :func:`steady_seconds`.
    """

    number: int
    until: float


class LeaseRanOutError(Exception):
    """Another collector may be subscribed by now."""


def steady_seconds() -> float:
    """Seconds of a clock that never jumps, and runs while the process or machine is suspended."""
    return time.clock_gettime(_STEADY_CLOCK)


class Subscriber:
    """Queues messages published on the platform's channels.

    Attributes:
        interruptions: how often the subscription broke; messages published meanwhile are lost.
        overflows: messages dropped because the queue was full or the lease had expired.
        clock_offset_ms: offset from the local clock to the server's.
        subscribed: whether the server has confirmed the subscription.
    """

    def __init__(self, client: "redis.Redis") -> None:
        self.interruptions = 0
        self.overflows = 0
        self.clock_offset_ms = 0
        self.subscribed = False
        self._client = client
        self._queue: deque[Message] = deque()
        # Each is written by one thread only: the one that queues, and the one that takes.
        self._bytes_queued = 0
        self._bytes_taken = 0
        self._lease = Lease(0, math.inf)
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def running(self) -> bool:
        return self._thread is not None

    @property
    def queued_bytes(self) -> int:
        """Approximate memory used by the queue."""
        return self._bytes_queued - self._bytes_taken

    def keep_until(self, until: float, is_new: bool) -> None:
        """Sets how long the lease holds; later messages belong to another collector.

        Args:
            until: by :func:`steady_seconds`.
            is_new: whether another collector may have held it before. A connection from that time
                is dropped, as it may contain messages that collector received, too.
        """
        self._lease = Lease(self._lease.number + is_new, until)

    def start(self) -> None:
        """Subscribes in a separate thread until :meth:`stop`."""
        # A new event, so that a thread hanging since an earlier stop() does not resume.
        self._stopping = threading.Event()
        self._thread = threading.Thread(
            target=self._run, args=(self._stopping,), name="subscriber", daemon=True
        )
        self._thread.start()

    def stop(self, seconds: float = 10.0) -> None:
        """Ends the subscription, waiting up to ``seconds``. Queued messages stay queued."""
        if self._thread is not None:
            self._stopping.set()
            self._thread.join(timeout=seconds)
            self._thread = None

    def take(self, count: int, size: int) -> list[Message]:
        """Removes and returns up to ``count`` messages of about ``size`` bytes, oldest first."""
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
        backoff = Backoff()
        while not stopping.is_set():
            started = time.monotonic()
            try:
                if self._holds(lease := self._lease):
                    self._listen(stopping, lease.number)
                else:
                    stopping.wait(LEASE_POLL_SECONDS)
            except LeaseRanOutError:
                self.interruptions += 1
                if (left_out := _lines.left_out("lease")) is not None:
                    what = "The lease for Pub/Sub expired; subscribing again"
                    logger.warning("%s.", with_count(what, left_out))
            except Exception as error:  # noqa: BLE001 - the thread must not die unnoticed
                if stopping.is_set():
                    return
                self.interruptions += 1
                log_failure(logger, "The Pub/Sub subscription broke; subscribing again", error)
                if time.monotonic() - started > STEADY_SECONDS:
                    backoff.reset()
                stopping.wait(backoff.delay)
                backoff.fail()

    def _listen(self, stopping: threading.Event, lease: int) -> None:
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
                # Checked after receiving, so that the message arrived while the lease held.
                if self._lease.number != lease or not self._holds(self._lease):
                    self._drop_what_waits(pubsub, message)
                    raise LeaseRanOutError
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

    @staticmethod
    def _holds(lease: Lease) -> bool:
        return steady_seconds() <= lease.until

    def _drop_what_waits(self, pubsub: Any, message: dict[str, Any] | None) -> None:
        """Counts the messages still in the connection, for a limited time."""
        give_up_at = time.monotonic() + DROPPING_SECONDS
        while message is not None and time.monotonic() < give_up_at:
            self.overflows += message["type"] == "message"
            message = pubsub.get_message(timeout=0)

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
    # Not len(), which for a cut payload is the length of the whole.
    return bytes.__len__(data) + OVERHEAD_BYTES


_POSITIONS = {name.encode(): position for position, name in enumerate(keys.CHANNELS)}


def hold_lease(client: "redis.Redis", name: str) -> Hold:
    """Takes or renews the lease for Pub/Sub, if nobody else holds it.

    Raises:
        redis.RedisError: Redis does not answer.
    """
    return Hold(client.eval(_HOLD, 1, keys.SUBSCRIBER_LEASE, name, LEASE_MS))


def release_lease(client: "redis.Redis", name: str) -> None:
    """Releases the lease if ``name`` holds it, so that another collector need not wait.

    Raises:
        redis.RedisError: Redis does not answer; the lease expires by itself.
    """
    client.eval(_RELEASE, 1, keys.SUBSCRIBER_LEASE, name)
