"""Who may look inside: admins, and monitoring by its token."""

import time
from typing import Any

import pytest
import redis
from django.db import connection

from dashboard.monitoring import health, probe
from engagement_conductor.local_stack import ports
from sessions_app.redis_access import keys
from sessions_app.telemetry.heartbeats import PROCESSES, note_heartbeat
from tests.dashboard.monitoring.test_health import report_to, set_scored
from tests.factories import Cast

pytestmark = pytest.mark.integration


@pytest.fixture(autouse=True)
def _ask_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "FRESH_SECONDS", 0.0)


@pytest.fixture
def working(redis_client: redis.Redis) -> redis.Redis:
    """The Redis of a product in which everything works."""
    set_scored(redis_client, ticks_ago=0)
    redis_client.zadd(keys.COLLECTORS, {"c1": int(time.time() * 1000)})
    redis_client.hset(keys.collector_status("c1"), "events", 7)
    for process in PROCESSES:
        note_heartbeat(redis_client, process)
    return redis_client


def test_only_admins_are_told_details(cast: Cast, working: redis.Redis) -> None:
    assert report_to(cast.alice) == (200, {"status": "ok"})
    parts = report_to(cast.admin)[1]["parts"]
    assert parts["collectors"]["running"] == {"c1": {"events": 7.0}}
    assert parts["scoring"]["last_tick_age_seconds"] < health.SCORING_IS_CURRENT_SECONDS
    assert {name for name, part in parts.items() if part["ok"]} == {
        "database",
        "redis",
        "channel_layer",
        "collectors",
        "backlog",
        "scoring",
        "beat",
        "worker",
        "subscription",
        "dead_letters",
        "shards",
        "lost_tables",
        "logs",
        "figures",
    }


def test_monitoring_is_told_details_even_without_a_database(
    cast: Cast, working: redis.Redis, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.METRICS_TOKEN = "secret"
    monkeypatch.setitem(connection.settings_dict, "PORT", str(ports.find_free()))
    assert report_to(None, authorization="Bearer wrong") == (503, {"status": "down"})
    status, report = report_to(None, authorization="Bearer secret")
    assert (status, report["status"]) == (503, "down")
    assert not report["parts"]["database"]["ok"]
    assert report["parts"]["scoring"]["ok"]


def test_no_token_is_no_way_in(cast: Cast, working: redis.Redis, settings: Any) -> None:
    settings.METRICS_TOKEN = ""
    assert report_to(None, authorization="Bearer ") == (200, {"status": "ok"})
