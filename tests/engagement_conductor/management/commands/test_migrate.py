"""``manage.py migrate``: no limit to a statement, a short one to waiting for locks."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import OperationalError, connection, models
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.state import ProjectState

from anomalies_app.models import Anomaly
from engagement_conductor.management.commands.migrate import migration_limits
from sessions_app.storage import concurrent_indexes
from sessions_app.storage.concurrent_indexes import AddIndexConcurrently
from tests.conftest import url_of_database

pytestmark = [pytest.mark.integration, pytest.mark.django_db(transaction=True)]


def shown(name: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute(f"SHOW {name}")
        return str(cursor.fetchone()[0])


def test_limits_are_those_of_migrations_while_one_runs() -> None:
    usual = shown("statement_timeout"), shown("lock_timeout")
    with migration_limits(connection):
        assert (shown("statement_timeout"), shown("lock_timeout")) == ("0", "3s")
        assert shown("idle_in_transaction_session_timeout") == "1min"
        connection.close()
        assert shown("statement_timeout") == "0", "also after a new connection"
    assert (shown("statement_timeout"), shown("lock_timeout")) == usual == ("30s", "10s")


@pytest.fixture
def empty_database() -> Iterator[str]:
    """The URL of a new database on the server of the tests."""
    name = f"migrate_{uuid4().hex}"
    base = url_of_database().rpartition("/")[0]
    with psycopg.connect(f"{base}/postgres", autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name}")
        try:
            yield f"{base}/{name}"
        finally:
            admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


def run_migrate(url: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "manage.py", "migrate", "--noinput", *arguments],
        cwd=settings.BASE_DIR,
        env={**os.environ, "DATABASE_URL": url},
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_a_statement_may_take_longer_than_the_product_allows_any(empty_database: str) -> None:
    limited = f"{empty_database}?options=-c%20statement_timeout%3D2"
    done = run_migrate(limited)
    assert done.returncode == 0, done.stderr


def test_a_migration_that_waits_for_a_lock_gives_up_and_can_be_run_again(
    empty_database: str,
) -> None:
    assert run_migrate(empty_database).returncode == 0
    assert run_migrate(empty_database, "sessions_app", "0006").returncode == 0
    with psycopg.connect(empty_database) as reader:
        reader.execute("SELECT count(*) FROM sessions_app_event")
        failed = run_migrate(empty_database)
        assert failed.returncode == 1
        assert "lock timeout" in failed.stderr
    assert run_migrate(empty_database).returncode == 0


def apply(operation: object) -> None:
    """Applies one operation to the database as it is."""
    state = ProjectState.from_apps(Anomaly._meta.apps)
    before = state.clone()
    app = "anomalies_app" if operation.model_name == "anomaly" else "sessions_app"
    operation.state_forwards(app, state)
    with connection.schema_editor(atomic=False) as editor:
        operation.database_forwards(app, editor, before, state)


@pytest.fixture
def chunked(monkeypatch: pytest.MonkeyPatch) -> Iterator[AddIndexConcurrently]:
    """An index of a hypertable that is there already; where there are none, built as if."""
    if not connection.has_timescaledb:
        option = " WITH (timescaledb.transaction_per_chunk)"
        monkeypatch.setattr(concurrent_indexes, "_is_chunked", lambda *_: True)
        monkeypatch.setattr(
            concurrent_indexes, "_BY_CHUNK", concurrent_indexes._BY_CHUNK.replace(option, "")
        )
    operation = AddIndexConcurrently("anomaly", models.Index(fields=["reason"], name="for_a_test"))
    apply(operation)
    yield operation
    with connection.cursor() as cursor:
        cursor.execute("DROP INDEX IF EXISTS for_a_test")


@pytest.mark.parametrize(
    "held", ["SELECT count(*) FROM anomalies", "LOCK anomalies IN ROW EXCLUSIVE MODE"]
)
def test_what_others_wait_behind_waits_for_a_lock_no_longer_than_any(
    chunked: AddIndexConcurrently, held: str
) -> None:
    with psycopg.connect(url_of_database()) as other:
        other.execute(held)
        patience = threading.Timer(15, other.close)
        patience.start()
        try:
            with (
                migration_limits(connection),
                pytest.raises(OperationalError, match="lock timeout"),
            ):
                apply(chunked)
        finally:
            patience.cancel()


def test_migrating_is_overridden_for_everybody(tmp_path: Path) -> None:
    call_command("migrate", verbosity=0)
    assert shown("statement_timeout") == "30s"
    assert MigrationExecutor(connection).migration_plan([]) == []
