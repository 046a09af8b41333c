"""Health: what strangers, admins and monitoring are told, also while a server is away or hangs."""

import time
from typing import Any

import pytest
import redis
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client

from dashboard.monitoring import health
from engagement_conductor.local_stack import ports
from sessions_app.redis_access import keys
from sessions_app.telemetry.heartbeats import PROCESSES
from sessions_app.telemetry.unwritten_logs import note_unwritten_logs
from tests.dashboard.conftest import logged_in
from tests.dashboard.monitoring.conftest import set_scored
from tests.factories import Cast

pytestmark = pytest.mark.integration


def report_to(user: User | None, **headers: str) -> tuple[int, dict[str, Any]]:
    client = Client() if user is None else logged_in(user)
    response = client.get("/health", headers=headers)
    return response.status_code, response.json()


def broken_parts(user: User) -> set[str]:
    return {name for name, part in report_to(user)[1]["parts"].items() if not part["ok"]}


def test_liveness_needs_neither_login_nor_servers(settings: Any) -> None:
    settings.REDIS_URL = f"redis://127.0.0.1:{ports.find_free()}"
    response = Client().get("/healthz")
    assert (response.status_code, response.content) == (200, b"ok")


def test_it_is_ok_while_events_are_collected_and_scored(cast: Cast, working: redis.Redis) -> None:
    assert report_to(None) == (200, {"status": "ok"})


def test_it_is_degraded_without_a_collector(cast: Cast, working: redis.Redis) -> None:
    working.delete(keys.COLLECTORS)
    assert report_to(None) == (200, {"status": "degraded"})
    assert broken_parts(cast.admin) == {"collectors"}


def test_it_is_degraded_while_nothing_is_scored(cast: Cast, working: redis.Redis) -> None:
    set_scored(working, ticks_ago=4)
    assert report_to(None) == (200, {"status": "degraded"})
    working.delete(keys.scored_tick(0))
    assert broken_parts(cast.admin) == {"scoring"}


@pytest.mark.parametrize("process", PROCESSES)
def test_it_is_degraded_without_beat_or_worker(
    cast: Cast, working: redis.Redis, process: str
) -> None:
    working.hset(keys.HEARTBEATS, process, int(time.time() * 1000) - 16_000)
    assert broken_parts(cast.admin) == {process}
    working.hdel(keys.HEARTBEATS, process)
    assert report_to(None) == (200, {"status": "degraded"})


def test_it_is_degraded_with_a_channel_layer_that_does_not_answer(
    cast: Cast, working: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise ConnectionError("no layer")

    monkeypatch.setattr(health, "get_channel_layer", fail)
    assert broken_parts(cast.admin) == {"channel_layer"}
    assert report_to(None) == (200, {"status": "degraded"})


def test_it_is_degraded_while_published_messages_are_dropped(
    cast: Cast, working: redis.Redis
) -> None:
    status = {"drops_messages": 1, "queued_messages": 7, "queued_bytes": 900}
    working.hset(keys.collector_status("c1"), mapping=status)
    assert broken_parts(cast.admin) == {"subscription"}
    part = report_to(cast.admin)[1]["parts"]["subscription"]
    assert (part["queued_messages"], part["queued_bytes"]) == (7, 900)


def test_it_tells_how_many_entries_were_given_up(cast: Cast, working: redis.Redis) -> None:
    working.hset(keys.COLLECTOR_TOTALS, "given_up", 3)
    assert report_to(cast.admin)[1]["parts"]["dead_letters"]["given_up"] == 3


def test_it_names_the_edition_of_timescaledb(
    cast: Cast, working: redis.Redis, timescaledb: None
) -> None:
    edition = report_to(cast.admin)[1]["parts"]["database"]["timescaledb"]
    assert edition["version"].split(".")[0].isdecimal()
    assert edition["licence"] in {"apache", "timescale"}


def test_it_is_down_without_redis(cast: Cast, settings: Any) -> None:
    settings.REDIS_URL = f"redis://127.0.0.1:{ports.find_free()}"
    assert report_to(None) == (503, {"status": "down"})


def test_logs_that_are_not_written_are_seen(cast: Cast, working: redis.Redis) -> None:
    note_unwritten_logs(working, "host", {"web": 12}, {"web": "No space left on device"})
    report = report_to(cast.admin)[1]
    assert report["status"] == "degraded"
    unwritten = ["web on host: No space left on device"]
    assert report["parts"]["logs"] == {"ok": False, "unwritten": unwritten}


COUNTERS = [*keys.TYPES, *keys.CHANNELS, keys.shard_set_aside(3), keys.collector_status("c1")]
NOT_SHOWN = {
    keys.COUNTERS,
    keys.SUBSCRIBER_LEASE,
    keys.SUBSCRIBER_READ,
    keys.WATCHED_GROUPS,
    keys.OPEN_SOCKETS,
    keys.SLOW_LANE,
    keys.DATABASE_EPOCH,
    keys.DATABASE_CHANGED,
    keys.IDENTITY_KEY,
    keys.UNKEYED_SESSIONS,
    keys.OLD_WORKER,
}


def hidden_parts(cast: Cast, client: redis.Redis) -> set[str]:
    """The parts that are not ok although only one figure cannot be read."""
    status, report = report_to(cast.admin)
    assert (status, report["status"]) == (200, "degraded")
    assert report["parts"]["redis"]["ok"], "it has answered"
    assert len(report["parts"]) == 14, "no part is hidden"
    return {name for name, part in report["parts"].items() if not part["ok"]}


@pytest.mark.parametrize("key", [key for key in COUNTERS if key not in NOT_SHOWN])
def test_a_figure_of_another_type_hides_no_other_part(
    cast: Cast, working: redis.Redis, key: str
) -> None:
    working.delete(key)
    working.sadd(key, "junk")
    broken = hidden_parts(cast, working)
    assert "figures" in broken
    assert broken <= {"figures", "collectors", "beat", "worker"}
    assert key in report_to(cast.admin)[1]["parts"]["figures"]["unreadable"]
    page = logged_in(cast.admin).get("/admin/system/")
    assert page.status_code == 200


def test_the_last_tick_of_a_shard_of_another_type_is_told(cast: Cast, working: redis.Redis) -> None:
    key = keys.scored_tick(3)
    working.delete(key)
    working.sadd(key, "junk")
    assert hidden_parts(cast, working) == {"figures", "scoring"}


@pytest.mark.parametrize("key", [keys.COLLECTOR_TOTALS, keys.collector_status("c1")])
@pytest.mark.parametrize("junk", ["junk", "nan"])
def test_a_field_that_is_no_number_hides_nothing(
    cast: Cast, working: redis.Redis, key: str, junk: str
) -> None:
    working.hset(key, "odd", junk)
    assert hidden_parts(cast, working) == {"figures"}
    assert key in report_to(cast.admin)[1]["parts"]["figures"]["unreadable"]


def test_a_redis_that_refuses_is_down(
    cast: Cast, working: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise redis.ResponseError("NOPERM this user has no permissions")

    monkeypatch.setattr(health, "unwritten_logs", refuse)
    assert report_to(None) == (503, {"status": "down"})


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
