"""Back up, wipe, restore and resume: with the real processes, and with hypertables."""

import os
import secrets
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
import redis
from django.conf import settings
from psycopg import sql

from engagement_conductor.local_stack import commands
from sessions_app.redis_access import keys
from tests.e2e.driving.stack_process import (
    PRODUCT,
    RunningProcesses,
    running_installation,
    wait_for,
)
from tests.e2e.driving.traffic import stored_ticks
from tests.platform import post_chat

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]


@pytest.fixture
def product(tmp_path: Path) -> Iterator[RunningProcesses]:
    with running_installation(tmp_path) as (product, _):
        yield product


def attempt(product: RunningProcesses, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        commands.manage(*arguments),
        cwd=settings.BASE_DIR,
        env=product.environment,
        capture_output=True,
        text=True,
        timeout=120,
    )


def chat_of(product: RunningProcesses, session: str) -> int:
    return sum(row.chat_count for row in stored_ticks(product.database_url, session))


def test_a_backup_is_restored_and_sessions_resume(
    product: RunningProcesses, tmp_path: Path
) -> None:
    backup = tmp_path / "night.dump"
    product.start_missing()
    with redis.Redis.from_url(product.redis_url) as client:
        post_chat(client, 0, 30, "talk")
        wait_for(lambda: chat_of(product, "talk") == 30, "the talk is stored")
        product.manage("back_up", str(backup))
        assert "exists" in attempt(product, "back_up", str(backup)).stderr
        saved = stored_ticks(product.database_url, "talk")
        post_chat(client, 30, 10, "talk")
        post_chat(client, 0, 5, "later")
        wait_for(lambda: chat_of(product, "later") == 5, "a later session is stored")

        assert "Active within the last 20 s" in attempt(product, "restore", str(backup)).stderr
        for name in PRODUCT:
            product.end(name, signal.SIGTERM)
        post_chat(client, 100, 7, "talk")
        refused = "Active within the last 20 s"
        wait_for(lambda: refused not in attempt(product, "restore", str(backup)).stderr, "silence")
        assert "--replace" in attempt(product, "restore", str(backup)).stderr
        wrong = tmp_path / "wrong.dump"
        wrong.write_text("no backup")
        assert "pg_restore failed" in attempt(product, "restore", str(wrong), "--replace").stderr
        assert chat_of(product, "later") == 5
        restored = attempt(product, "restore", str(backup), "--replace")
        assert restored.returncode == 0, restored.stderr
        kept = stored_ticks(product.database_url, "talk")
        assert kept == saved[: len(kept)]
        assert chat_of(product, "talk") == 30
        assert chat_of(product, "later") == 0
        assert not client.exists(*(keys.shard_windows(n) for n in range(keys.SHARD_COUNT)))

        product.start_missing()
        post_chat(client, 0, 3, "new")
        wait_for(lambda: chat_of(product, "new") == 3, "a new session is stored")
        # Messages that were unread when the processes stopped are counted now.
        wait_for(lambda: chat_of(product, "talk") == 30 + 7, "the talk resumes")


@pytest.fixture
def empty_databases(database_url: str, timescaledb: None) -> Iterator[list[str]]:
    """URLs of two empty databases on the test server."""
    names = [f"backup_{secrets.token_hex(6)}" for _ in range(2)]
    with psycopg.connect(database_url, autocommit=True) as server:
        for name in names:
            server.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        yield [urlunsplit(urlsplit(database_url)._replace(path=f"/{name}")) for name in names]
        for name in names:
            drop = sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name))
            server.execute(drop)


def manage(url: str, *arguments: str) -> None:
    result = subprocess.run(
        commands.manage(*arguments),
        cwd=settings.BASE_DIR,
        env={**os.environ, "DATABASE_URL": url},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert result.returncode == 0, result.stderr


def hypertables(server: "psycopg.Connection") -> list[tuple[str, int]]:
    return server.execute(
        "SELECT hypertable_name, num_chunks FROM timescaledb_information.hypertables ORDER BY 1"
    ).fetchall()


def test_hypertables_are_restored_as_hypertables(
    empty_databases: list[str], redis_client: redis.Redis, tmp_path: Path
) -> None:
    source, target = empty_databases
    backup = tmp_path / "hyper.dump"
    manage(source, "migrate", "--verbosity", "0")
    with psycopg.connect(source, autocommit=True) as server:
        columns = server.execute(
            "SELECT column_name, data_type FROM information_schema.columns"
            " WHERE table_name = 'engagement_metrics' ORDER BY ordinal_position"
        ).fetchall()
        values = [filler(name, kind) for name, kind in columns]
        server.execute("SET session_replication_role = replica")  # no sessions needed
        server.execute(
            f"INSERT INTO engagement_metrics ({', '.join(name for name, _ in columns)})"
            f" SELECT {', '.join(values)} FROM generate_series(0, 999) AS number"
        )
        before = hypertables(server)
    assert ("engagement_metrics", 0) not in before
    manage(source, "back_up", str(backup))
    manage(target, "restore", str(backup))
    with psycopg.connect(target, autocommit=True) as server:
        assert hypertables(server) == before
        assert server.execute("SELECT count(*) FROM engagement_metrics").fetchone() == (1000,)
        assert server.execute("SHOW timescaledb.restoring").fetchone() == ("off",)


def filler(name: str, kind: str) -> str:
    if kind.startswith("timestamp"):
        return "now() - number * interval '1 day'"
    return {"boolean": "false", "text": "''", "jsonb": "'{}'"}.get(kind, "number")
