"""In an outage a process says so in a line a minute, whatever the server refuses, and goes on."""

import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from http import HTTPStatus

import psycopg
import pytest
import redis
from django.db import connection
from django.test import Client

from engagement_conductor import tasks
from engagement_conductor.logs.formats import OutageHandler
from sessions_app.redis_access import keys
from sessions_app.redis_access.client import server_time_ms
from sessions_app.ticks import TICK_MS, tick_at
from tests.conftest import url_of_database
from tests.factories import Cast
from tests.pipeline import collect, rows
from tests.platform import chat, post
from tests.servers import outages

pytestmark = [pytest.mark.integration, pytest.mark.django_db(transaction=True)]


class Lines(OutageHandler):
    """Keeps what would be written."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.levelno >= logging.WARNING:
            self.texts.append(self.format(record))


@pytest.fixture
def lines() -> Iterator[list[str]]:
    handler = Lines()
    logging.getLogger().addHandler(handler)
    yield handler.texts
    logging.getLogger().removeHandler(handler)


@contextmanager
def read_only() -> Iterator[None]:
    name = connection.settings_dict["NAME"]
    with psycopg.connect(url_of_database(), autocommit=True) as other:
        other.execute(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
        connection.close()
        try:
            yield
        finally:
            other.execute("SET default_transaction_read_only = off")
            other.execute(f'ALTER DATABASE "{name}" RESET default_transaction_read_only')
            connection.close()


@contextmanager
def locked(table: str) -> Iterator[None]:
    options = connection.settings_dict["OPTIONS"]
    before = options["options"]
    options["options"] = "-c lock_timeout=100"
    connection.close()
    try:
        with outages.locked(url_of_database(), table):
            yield
    finally:
        options["options"] = before
        connection.close()


@contextmanager
def cancelled(table: str) -> Iterator[None]:
    with ExitStack() as stack:
        stack.enter_context(locked(table))
        connection.settings_dict["OPTIONS"]["options"] = "-c statement_timeout=100"
        yield


def chatter(client: "redis.Redis", ticks_ago: int) -> int:
    start = (tick_at(server_time_ms(client)) - ticks_ago) * TICK_MS
    for session in ("s1", "s2", "s3", "s4"):
        message = chat(f"{session}-{start}", session=session, eventId="e1")
        post(client, keys.CHAT_MESSAGE, message, f"{start}-*")
    collect(client)
    return tick_at(start)


DATABASE_OUTAGES: dict[str, Callable[[], object]] = {
    "read only": read_only,
    "metrics locked": lambda: locked("engagement_metrics"),
    "metrics locked, statement cancelled": lambda: cancelled("engagement_metrics"),
    "sessions locked": lambda: locked("sessions_app_session"),
}


@pytest.mark.parametrize("name", DATABASE_OUTAGES)
def test_the_worker_says_so_once_and_scores_afterwards(
    redis_client: "redis.Redis", new_worker: None, lines: list[str], name: str
) -> None:
    first = chatter(redis_client, 20)
    shards = list(range(keys.SHARD_COUNT))
    tasks.score_shards(shards, first)
    stored = len(rows("s1"))
    with DATABASE_OUTAGES[name]():
        for tick in range(first + 1, first + 6):
            tasks.score_shards(shards, tick)
    assert len(lines) == 1, lines
    assert lines[0].startswith("A shard's tick is waiting: ")
    tasks.score_shards(shards, first + 6)
    assert len(rows("s1")) == stored + 6


def test_redis_that_is_full_is_a_line(
    redis_client: "redis.Redis", new_worker: None, lines: list[str]
) -> None:
    first = chatter(redis_client, 20)
    shards = list(range(keys.SHARD_COUNT))
    tasks.score_shards(shards, first)
    with outages.full(redis_client):
        for tick in range(first + 1, first + 6):
            tasks.score_shards(shards, tick)
    assert 1 <= len(lines) <= 2, lines
    assert not any("Traceback" in line for line in lines)
    tasks.score_shards(shards, first + 6)
    assert len(rows("s1")) >= 6


@pytest.mark.parametrize("name", ["sessions locked", "read only"])
def test_pages_say_so_once(lines: list[str], name: str, client: Client, cast: Cast) -> None:
    client.raise_request_exception = False
    client.force_login(cast.admin)
    with DATABASE_OUTAGES[name]():
        answers = {answer(client) for _ in range(15)}
    if name == "sessions locked":
        assert answers == {HTTPStatus.SERVICE_UNAVAILABLE}
    assert not any("Traceback" in line for line in lines), lines
    assert len(lines) <= 1, lines


def answer(client: Client) -> int:
    return client.get("/").status_code
