"""What a restoration asks for before it does anything."""

from pathlib import Path
from typing import Any

import pytest
import redis
from django.core.management import CommandError, call_command

from engagement_conductor.local_stack import ports
from sessions_app.redis_access import keys
from sessions_app.telemetry.heartbeats import WORKER, note_heartbeat

pytestmark = pytest.mark.integration


def test_nothing_is_restored_under_whoever_works(
    db: None, redis_client: redis.Redis, tmp_path: Path
) -> None:
    note_heartbeat(redis_client, WORKER)
    with pytest.raises(CommandError, match="Active within the last 20 s: worker"):
        call_command("restore", str(tmp_path / "backup"))


def test_a_file_that_is_not_there_costs_no_state(
    db: None, redis_client: redis.Redis, tmp_path: Path
) -> None:
    redis_client.set(keys.shard_windows(1), "x")
    with pytest.raises(CommandError, match="no such file"):
        call_command("restore", str(tmp_path / "missing"), "--replace")
    assert redis_client.exists(keys.shard_windows(1))


def test_without_redis_nobody_knows_who_works(db: None, settings: Any, tmp_path: Path) -> None:
    settings.REDIS_URL = f"redis://127.0.0.1:{ports.find_free()}"
    with pytest.raises(CommandError, match="Redis: "):
        call_command("restore", str(tmp_path / "backup"))
