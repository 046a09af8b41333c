"""Health: what strangers and admins are told, and what is said while a server is away."""

import time
from typing import Any

import pytest
import redis
from django.contrib.auth.models import User
from django.db import DatabaseError
from django.test import Client

from dashboard import health
from engagement_conductor import ports
from sessions_app import keys
from sessions_app.ticks import tick_at
from tests.dashboard.conftest import logged_in
from tests.factories import Cast

pytestmark = pytest.mark.integration


def set_scored(client: redis.Redis, ticks_ago: int) -> None:
    tick = tick_at(int(time.time() * 1000)) - 1 - ticks_ago
    client.mset({keys.scored_tick(shard): tick for shard in range(keys.SHARD_COUNT)})


def set_collector(client: redis.Redis) -> None:
    client.zadd(keys.COLLECTORS, {"c1": int(time.time() * 1000)})
    client.hset(keys.collector_status("c1"), "events", 7)


def report_to(user: User | None) -> tuple[int, dict[str, Any]]:
    client = Client() if user is None else logged_in(user)
    response = client.get("/health")
    return response.status_code, response.json()


def test_liveness_needs_neither_login_nor_servers(settings: Any) -> None:
    settings.REDIS_URL = f"redis://127.0.0.1:{ports.find_free()}"
    response = Client().get("/healthz")
    assert (response.status_code, response.content) == (200, b"ok")


def test_it_is_ok_while_events_are_collected_and_scored(
    cast: Cast, redis_client: redis.Redis
) -> None:
    set_scored(redis_client, ticks_ago=0)
    set_collector(redis_client)
    assert report_to(None) == (200, {"status": "ok"})


def test_it_is_degraded_without_a_collector(cast: Cast, redis_client: redis.Redis) -> None:
    set_scored(redis_client, ticks_ago=0)
    assert report_to(None) == (200, {"status": "degraded"})


def test_it_is_degraded_while_nothing_is_scored(cast: Cast, redis_client: redis.Redis) -> None:
    set_collector(redis_client)
    assert report_to(None) == (200, {"status": "degraded"})
    set_scored(redis_client, ticks_ago=4)
    assert report_to(None) == (200, {"status": "degraded"})


def test_only_admins_are_told_details(cast: Cast, redis_client: redis.Redis) -> None:
    set_scored(redis_client, ticks_ago=0)
    set_collector(redis_client)
    assert report_to(cast.alice) == (200, {"status": "ok"})
    parts = report_to(cast.admin)[1]["parts"]
    assert parts["database"]["ok"]
    assert parts["redis"]["collectors"] == {"c1": {"events": 7.0}}
    assert parts["redis"]["scored_tick_age_seconds"] < health.SCORING_IS_CURRENT_SECONDS


def test_it_is_down_without_redis(cast: Cast, settings: Any) -> None:
    settings.REDIS_URL = f"redis://127.0.0.1:{ports.find_free()}"
    assert report_to(None) == (503, {"status": "down"})


def test_it_is_down_without_a_database(
    cast: Cast, redis_client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> None:
        raise DatabaseError("the server is away")

    with monkeypatch.context() as patch:
        patch.setattr(health.connection, "cursor", refuse)
        assert report_to(None) == (503, {"status": "down"})
