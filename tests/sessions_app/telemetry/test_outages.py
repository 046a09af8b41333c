"""What real servers say while they refuse, and that it is told from faults of ours."""

import errno
import logging
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import django.db
import psycopg
import pytest
import redis
from django.db import connection
from kombu.exceptions import OperationalError as BrokerError

from engagement_conductor.local_stack import ports, servers
from engagement_conductor.local_stack.valkey import Valkey
from sessions_app.telemetry.outages import first_line, is_outage, log_failure, outage_kind
from tests.conftest import url_of_database
from tests.waiting import wait_until

pytestmark = pytest.mark.integration

Refusal = Callable[["redis.Redis"], None]


def error_of(action: Callable[[], object]) -> Exception:
    try:
        action()
    except Exception as error:  # noqa: BLE001 - whatever it is
        return error
    raise AssertionError("nothing was raised")


@pytest.fixture
def other(transactional_db: None) -> Iterator["psycopg.Connection"]:
    """A connection beside Django's."""
    with psycopg.connect(url_of_database(), autocommit=True) as second:
        yield second


def execute(*statements: str) -> Callable[[], None]:
    def run() -> None:
        with connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)

    return run


MADE = "CREATE TEMP TABLE made (id int PRIMARY KEY)"


@pytest.mark.parametrize(
    "statements",
    [
        ("SET default_transaction_read_only = on", "CREATE TABLE never (id int)"),
        ("SET statement_timeout = 50", "SELECT pg_sleep(5)"),
        ("SELECT pg_terminate_backend(pg_backend_pid())",),
        *(
            (f"DO $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '{code}'; END $$",)
            for code in ("40001", "40P01", "42501", "53100", "53200", "53300", "57P02", "58030")
        ),
    ],
)
def test_what_the_database_refuses_is_an_outage(
    transactional_db: None, statements: tuple[str, ...]
) -> None:
    error = error_of(execute(*statements))
    connection.close()
    assert isinstance(error, django.db.Error)
    assert is_outage(error)
    assert is_outage(error.__cause__)  # as the driver says it, where nobody translates
    assert outage_kind(error).startswith(type(error).__name__)


def test_a_lock_that_is_not_to_be_had_is_an_outage(other: "psycopg.Connection") -> None:
    with other.transaction():
        other.execute("LOCK TABLE sessions_app_session IN ACCESS EXCLUSIVE MODE")
        query = "SELECT count(*) FROM sessions_app_session"
        assert is_outage(error_of(execute("SET lock_timeout = 50", query)))
    connection.close()


def test_a_server_that_takes_nobody_is_an_outage(other: "psycopg.Connection") -> None:
    other.execute("CREATE ROLE crowded LOGIN PASSWORD 'x' CONNECTION LIMIT 0")
    try:
        parts = url_of_database().rpartition("@")[2]
        for url in (f"postgresql://crowded:x@{parts}", f"postgresql://crowded:wrong@{parts}"):
            assert is_outage(error_of(lambda url=url: psycopg.connect(url)))
    finally:
        other.execute("DROP ROLE crowded")
    nobody = f"postgresql://x:y@127.0.0.1:{ports.find_free()}/z"
    assert is_outage(error_of(lambda: psycopg.connect(nobody)))


@pytest.mark.parametrize(
    "statements",
    [
        ("SELEC 1",),
        ("SELECT * FROM nowhere",),
        ("SELECT 1 / 0",),
        ("SELECT 'x'::int",),
        (MADE, "INSERT INTO made VALUES (1), (1)"),
        ("DO $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = 'XX000'; END $$",),
        ("DO $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '54001'; END $$",),
    ],
)
def test_what_we_do_wrong_is_none(transactional_db: None, statements: tuple[str, ...]) -> None:
    error = error_of(execute(*statements))
    connection.close()
    assert not is_outage(error)
    assert not is_outage(error.__cause__)


@contextmanager
def server(folder: Path, **options: str) -> Iterator["redis.Redis"]:
    plain = {name.replace("_", "-"): value for name, value in options.items()}
    valkey = Valkey(folder / "valkey", ports.find_free(), persistent=False, options=plain)
    with (
        servers.running(valkey, folder) as running,
        redis.Redis.from_url(running.url, socket_timeout=5) as client,
    ):
        yield client


def limit_memory(client: "redis.Redis") -> None:
    client.config_set("maxmemory", "1")


def follow_nobody(client: "redis.Redis") -> None:
    client.replicaof("127.0.0.1", "1")


def serve_nothing_stale(client: "redis.Redis") -> None:
    client.config_set("replica-serve-stale-data", "no")
    follow_nobody(client)


def ask_for_replicas(client: "redis.Redis") -> None:
    client.config_set("min-replicas-to-write", "3")


def ask_for_a_password(client: "redis.Redis") -> None:
    client.config_set("requirepass", "secret")
    client.connection_pool.disconnect()


def allow_nothing(client: "redis.Redis") -> None:
    client.acl_setuser("default", enabled=True, nopass=True, categories=["-@write"])


def lose_the_disk(client: "redis.Redis") -> None:
    shutil.rmtree(client.config_get("dir")["dir" if "dir" in client.config_get("dir") else b"dir"])
    client.execute_command("SET", "kept", "1")
    client.execute_command("BGSAVE")
    wait_until(lambda: client.info("persistence")["rdb_last_bgsave_status"] != "ok", 10)


def keep_busy(client: "redis.Redis") -> None:
    client.config_set("busy-reply-threshold", "50")
    url = client.connection_pool.connection_kwargs

    def run() -> None:
        host, port = url["host"], url["port"]
        with redis.Redis(host=host, port=port) as looping, suppress(redis.RedisError):
            looping.eval("while true do end", 0)

    threading.Thread(target=run, daemon=True).start()
    time.sleep(0.3)


@pytest.mark.parametrize(
    "refuse",
    [
        limit_memory,
        follow_nobody,
        serve_nothing_stale,
        ask_for_replicas,
        ask_for_a_password,
        allow_nothing,
        lose_the_disk,
        keep_busy,
    ],
)
def test_what_redis_refuses_is_an_outage(tmp_path: Path, refuse: Refusal) -> None:
    with server(tmp_path, save="3600 1") as client:
        refuse(client)
        errors = [error_of(lambda: client.set("key", "value"))]
        for transaction in (True, False):
            pipeline = client.pipeline(transaction=transaction)
            pipeline.set("key", "value")
            errors.append(error_of(pipeline.execute))
        if refuse is keep_busy:
            client.script_kill()
        assert [is_outage(error) for error in errors] == [True] * 3, errors
        assert not any("Command #" in first_line(error) for error in errors)


def test_what_we_ask_wrongly_of_redis_is_no_outage(redis_client: "redis.Redis") -> None:
    redis_client.set("text", "x")
    assert not is_outage(error_of(lambda: redis_client.lpush("text", "y")))
    assert not is_outage(error_of(lambda: redis_client.execute_command("NONSENSE")))
    pipeline = redis_client.pipeline(transaction=True)
    pipeline.lpush("text", "y")
    assert not is_outage(error_of(pipeline.execute))


def test_errors_of_the_system_and_of_others() -> None:
    assert is_outage(redis.BusyLoadingError("loading"))
    assert is_outage(redis.exceptions.ClusterDownError("down", status_code="CLUSTERDOWN"))
    assert is_outage(OSError(errno.ENOSPC, "full"))
    assert is_outage(ConnectionResetError())
    assert not is_outage(FileNotFoundError(errno.ENOENT, "a file of ours"))
    assert not is_outage(ValueError("of ours"))
    assert not is_outage(None)
    broker = BrokerError("away")
    broker.__cause__ = ConnectionRefusedError()
    assert is_outage(broker)
    assert is_outage(ExceptionGroup("all", [broker, redis.ConnectionError()]))
    assert not is_outage(ExceptionGroup("some", [broker, ValueError()]))


def test_an_outage_is_a_line_a_minute_and_a_fault_has_its_traceback(
    caplog: pytest.LogCaptureFixture,
) -> None:
    logger = logging.getLogger("product")
    for _ in range(30):
        log_failure(
            logger, "Nothing goes", redis.OutOfMemoryError("OOM no\nmore", status_code="OOM")
        )
        log_failure(logger, "Nothing goes", redis.ConnectionError("away"))
        log_failure(logger, "Nothing goes", error_of(lambda: int("x")))
    lines = [(record.getMessage(), bool(record.exc_info)) for record in caplog.records]
    assert lines == [
        ("Nothing goes: OOM no", False),
        ("Nothing goes: away", False),
        ("Nothing goes: invalid literal for int() with base 10: 'x'", True),
    ]
