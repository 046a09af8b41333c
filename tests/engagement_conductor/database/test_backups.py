"""Backups: what they refuse, and what is deleted with them."""

from pathlib import Path
from typing import Any

import pytest
import redis

from engagement_conductor.database.backups import (
    BackupError,
    active_processes,
    delete_state,
    dump,
    restore,
)
from sessions_app.redis_access import keys
from sessions_app.redis_access.client import server_time_ms
from sessions_app.telemetry.heartbeats import BEAT, WORKER, note_heartbeat

pytestmark = pytest.mark.integration


def test_no_file_is_written_over(db: None, tmp_path: Path) -> None:
    file = tmp_path / "backup"
    file.write_text("precious")
    with pytest.raises(BackupError, match="exists"):
        dump(file)
    assert file.read_text() == "precious"


def test_a_backup_is_whole_and_for_its_owner(transactional_db: None, tmp_path: Path) -> None:
    file = tmp_path / "backup"
    dump(file)
    assert file.read_bytes()[:5] == b"PGDMP"
    assert file.stat().st_mode & 0o077 == 0
    assert list(tmp_path.iterdir()) == [file]


def test_a_database_that_does_not_answer_leaves_no_file(
    db: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGHOST", "127.0.0.1")
    missing: dict[str, Any] = {"host": "127.0.0.1", "port": 1, "dbname": "x", "connect_timeout": 1}
    monkeypatch.setattr("engagement_conductor.database.backups._parameters", lambda: dict(missing))
    with pytest.raises(BackupError, match="pg_dump failed"):
        dump(tmp_path / "backup")
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_backup_costs_nothing(db: None, tmp_path: Path) -> None:
    with pytest.raises(BackupError, match="no such file"):
        restore(tmp_path / "missing", replace=True)
    (tmp_path / "text").write_text("not a backup")
    with pytest.raises(BackupError, match="pg_restore failed"):
        restore(tmp_path / "text", replace=True)


def test_a_database_with_something_in_it_is_kept(transactional_db: None, tmp_path: Path) -> None:
    dump(tmp_path / "backup")
    with pytest.raises(BackupError, match="--replace"):
        restore(tmp_path / "backup", replace=False)


def test_whoever_works_is_named(redis_client: redis.Redis) -> None:
    assert active_processes(redis_client) == []
    for process in (BEAT, WORKER):
        note_heartbeat(redis_client, process)
    redis_client.zadd(keys.COLLECTORS, {"one": server_time_ms(redis_client)})
    assert active_processes(redis_client) == ["collector", BEAT, WORKER]
    redis_client.hset(keys.HEARTBEATS, BEAT, server_time_ms(redis_client) - 25_000)
    assert active_processes(redis_client) == ["collector", WORKER]


def test_state_is_forgotten_and_what_came_in_is_not(redis_client: redis.Redis) -> None:
    kept = {keys.DEAD_LETTERS, keys.COUNTERS, keys.COLLECTOR_TOTALS, keys.CHAT_MESSAGE, "of others"}
    gone = {keys.shard_windows(1), keys.arrivals(2, 7), keys.HEARTBEATS}
    for name in kept | gone:
        redis_client.set(name, "x")
    assert delete_state(redis_client) == len(gone)
    assert {name.decode() for name in redis_client.scan_iter()} == kept
