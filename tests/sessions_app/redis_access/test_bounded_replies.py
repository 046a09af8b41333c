"""Answers that are too large are given up while they arrive."""

import threading

import pytest
import redis

from sessions_app.redis_access.bounded_replies import ReplyTooLargeError, at_most
from sessions_app.redis_access.client import connect

pytestmark = pytest.mark.integration
LARGE = 1_000_000


@pytest.fixture
def client(redis_client: redis.Redis) -> redis.Redis:
    redis_client.set("large", b"x" * LARGE)
    redis_client.set("small", b"x")
    return connect()


def test_an_answer_within_its_bound_is_read(client: redis.Redis) -> None:
    with at_most(LARGE + 100):
        assert len(client.get("large")) == LARGE
    with at_most(1_000):
        assert [client.get("small") for _ in range(2_000)] == [b"x"] * 2_000


def test_one_beyond_it_is_given_up_and_the_client_goes_on(client: redis.Redis) -> None:
    with at_most(LARGE // 2), pytest.raises(ReplyTooLargeError, match="more than 500,000 bytes"):
        client.get("large")
    assert client.get("small") == b"x"
    assert len(client.get("large")) == LARGE


def test_the_bound_is_that_of_one_thread(client: redis.Redis) -> None:
    found: list[int] = []
    with at_most(10):
        other = threading.Thread(target=lambda: found.append(len(client.get("large"))))
        other.start()
        other.join()
    assert found == [LARGE]
