"""The thread that listens on Pub/Sub: its queue is bounded, and it listens on whatever it meets."""

import threading
from typing import Any

import pytest
import redis

from sessions_app.events.excerpts import KEPT_BYTES
from sessions_app.ingest import pubsub_listener
from sessions_app.ingest.pubsub_listener import OVERHEAD_BYTES, Subscriber
from sessions_app.redis_access import keys
from sessions_app.redis_access.client import connect
from tests.waiting import wait_until

MEBIBYTE = 1024 * 1024


def queue(listening: Subscriber, data: bytes) -> None:
    channel = keys.CHAT_MESSAGE.encode()
    listening._queue_message({"type": "message", "channel": channel, "data": data})


@pytest.fixture
def listening() -> Subscriber:
    return Subscriber(redis.Redis())


def test_it_holds_so_many_bytes_and_counts_what_it_drops(
    listening: Subscriber, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pubsub_listener, "MAXIMUM_QUEUED_BYTES", 10 * (1000 + OVERHEAD_BYTES))
    for _ in range(15):
        queue(listening, b"x" * 1000)
    assert (len(listening), listening.overflows) == (10, 5)
    assert len(listening.take(100, MEBIBYTE)) == 10
    assert listening.queued_bytes == 0
    queue(listening, b"x" * 1000)
    assert (len(listening), listening.overflows) == (1, 5)


def test_it_holds_so_many_messages(listening: Subscriber, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pubsub_listener, "MAXIMUM_QUEUED", 3)
    for _ in range(5):
        queue(listening, b"x")
    assert (len(listening), listening.overflows) == (3, 2)


def test_a_mark_finds_room_in_a_full_queue(
    listening: Subscriber, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pubsub_listener, "MAXIMUM_QUEUED_BYTES", 0)
    queue(listening, b"x")
    listening._queue_message({"type": "pong", "data": b"7"})
    assert [message.time_ms for message in listening.take(10, MEBIBYTE)] == [7]


def test_of_a_large_message_only_the_beginning_is_held(listening: Subscriber) -> None:
    queue(listening, b"x" * MEBIBYTE)
    assert listening.queued_bytes == KEPT_BYTES + OVERHEAD_BYTES
    (message,) = listening.take(1, MEBIBYTE)
    assert len(message.data) == MEBIBYTE


def test_a_step_takes_so_many_bytes_and_always_something(listening: Subscriber) -> None:
    for _ in range(10):
        queue(listening, b"x" * 1000)
    assert len(listening.take(100, 2 * (1000 + OVERHEAD_BYTES))) == 2
    assert len(listening.take(100, 1)) == 1
    assert len(listening.take(3, MEBIBYTE)) == 3


class Client:
    """A client whose first subscriptions fail in ways that nobody expects."""

    def __init__(self, *failures: Exception) -> None:
        self.real = connect()
        self.failures = [*failures]

    def pubsub(self) -> Any:
        if self.failures:
            raise self.failures.pop()
        return self.real.pubsub()


@pytest.mark.integration
@pytest.mark.parametrize(
    "failure", [ValueError("of ours"), redis.exceptions.RedisClusterException("no node")]
)
def test_no_error_leaves_the_collector_deaf(
    redis_client: "redis.Redis", failure: Exception
) -> None:
    listening = Subscriber(Client(failure))
    listening.start()
    try:
        wait_until(lambda: redis_client.publish(keys.CHAT_MESSAGE, "{}"), 20)
        wait_until(lambda: any(each.channel >= 0 for each in listening.take(100, MEBIBYTE)), 20)
        assert listening.interruptions == 1
        assert "subscriber" in [thread.name for thread in threading.enumerate()]
    finally:
        listening.stop()
