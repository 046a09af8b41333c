"""The thread that listens on Pub/Sub listens on, whatever it meets."""

import threading
import time
from typing import Any

import pytest
import redis

from sessions_app import keys
from sessions_app.connection import connect
from sessions_app.subscriber import Subscriber

pytestmark = pytest.mark.integration


class Client:
    """A client whose first subscriptions fail in ways that nobody expects."""

    def __init__(self, *failures: Exception) -> None:
        self.real = connect()
        self.failures = [*failures]

    def pubsub(self) -> Any:
        if self.failures:
            raise self.failures.pop()
        return self.real.pubsub()


@pytest.mark.parametrize(
    "failure", [ValueError("of ours"), redis.exceptions.RedisClusterException("no node")]
)
def test_no_error_leaves_the_collector_deaf(
    redis_client: "redis.Redis", failure: Exception
) -> None:
    subscriber = Subscriber(Client(failure))
    subscriber.start()
    try:
        give_up_at = time.monotonic() + 20
        while not any(message.channel >= 0 for message in subscriber.take(100)):
            assert time.monotonic() < give_up_at
            redis_client.publish(keys.CHAT_MESSAGE, "{}")
            time.sleep(0.05)
        assert subscriber.interruptions == 1
        assert "subscriber" in [thread.name for thread in threading.enumerate()]
    finally:
        subscriber.stop()
