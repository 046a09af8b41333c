"""Logs that cannot be written."""

import pytest
import redis

from sessions_app.telemetry import unwritten_logs as module
from sessions_app.telemetry.counters import read_counters
from sessions_app.telemetry.unwritten_logs import note_unwritten_logs, unwritten_logs

pytestmark = pytest.mark.integration


def test_they_are_told_and_their_lines_counted(redis_client: redis.Redis) -> None:
    problems = {"worker": "the disk is full", "beat": "no room"}
    note_unwritten_logs(redis_client, "here", {"worker": 3, "web": 0}, problems)
    note_unwritten_logs(redis_client, "here", {"worker": 2}, {})
    assert unwritten_logs(redis_client) == [
        "beat on here: no room",
        "worker on here: the disk is full",
    ]
    assert read_counters(redis_client) == {"lost_log_lines:worker": 5}


def test_what_nobody_repeats_is_over(
    redis_client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    note_unwritten_logs(redis_client, "here", {}, {"worker": "the disk is full"})
    now = module.time.time()
    monkeypatch.setattr(module.time, "time", lambda: now + module.LIFETIME_SECONDS + 1)
    assert unwritten_logs(redis_client) == []
