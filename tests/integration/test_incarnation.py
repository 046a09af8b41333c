"""Who the database's server is: told or not, now or ever, and by whom it is remembered."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import psycopg
import pytest
import redis
from django.db import ProgrammingError, connection
from psycopg import errors

from sessions_app.redis_access import keys
from sessions_app.shards import database_epochs
from sessions_app.shards.database_epochs import current_epoch, supports_incarnation

pytestmark = [pytest.mark.integration, pytest.mark.django_db(transaction=True)]

Refusing = Callable[[type[psycopg.Error]], AbstractContextManager[None]]


@pytest.fixture(autouse=True)
def _nothing_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database_epochs, "_supports_incarnation", None)


@pytest.fixture
def refusing() -> Refusing:
    """Lets the database answer the question for its server with an error."""

    def refuse(kind: type[psycopg.Error]) -> AbstractContextManager[None]:
        def answer(execute: Any, sql: str, *rest: Any) -> Any:
            if "pg_control_system" in sql:
                raise ProgrammingError("no") from kind("no")
            return execute(sql, *rest)

        return connection.execute_wrapper(answer)

    return refuse


@pytest.fixture
def incarnation(redis_client: redis.Redis) -> bytes:
    current_epoch(redis_client)
    known: bytes | None = redis_client.hget(keys.DATABASE_EPOCH, "incarnation")
    assert known
    database_epochs._supports_incarnation = None
    return known


@pytest.mark.parametrize(
    "kind", [errors.QueryCanceled, errors.ObjectNotInPrerequisiteState, errors.LockNotAvailable]
)
def test_what_passes_is_asked_again(refusing: Refusing, kind: type[psycopg.Error]) -> None:
    with refusing(kind):
        assert not supports_incarnation()
    assert supports_incarnation()


@pytest.mark.parametrize("kind", [errors.InsufficientPrivilege, errors.UndefinedFunction])
def test_a_server_that_never_tells_is_asked_once(
    refusing: Refusing, kind: type[psycopg.Error]
) -> None:
    with refusing(kind):
        assert not supports_incarnation()
    assert not supports_incarnation()


@pytest.mark.parametrize("kind", [errors.QueryCanceled, errors.InsufficientPrivilege])
def test_who_is_not_told_leaves_what_others_know(
    redis_client: redis.Redis, incarnation: bytes, refusing: Refusing, kind: type[psycopg.Error]
) -> None:
    before = redis_client.hgetall(keys.DATABASE_EPOCH)
    with refusing(kind):
        database_epochs.advance_mark(redis_client)
    after = redis_client.hgetall(keys.DATABASE_EPOCH)
    assert after[b"incarnation"] == incarnation
    assert after[b"epoch"] == before[b"epoch"]
    assert int(after[b"mark"]) == int(before[b"mark"]) + 1
