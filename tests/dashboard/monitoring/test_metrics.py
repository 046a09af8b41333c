"""Metrics: what the pipeline did, in a form that Prometheus reads, for those who may see it."""

from typing import Any

import pytest
import redis
from asgiref.sync import sync_to_async
from django.test import Client
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_open
from prometheus_client.parser import text_string_to_metric_families as parse
from prometheus_client.samples import Sample

from engagement_conductor.local_stack import ports
from sessions_app.redis_access import keys
from sessions_app.redis_access.client import server_time_ms
from sessions_app.telemetry.heartbeats import PROCESSES, note_heartbeat
from sessions_app.ticks import tick_at
from tests.dashboard.conftest import logged_in
from tests.dashboard.sockets import connected, session_path
from tests.factories import Cast
from tests.pipeline import collect, score_all
from tests.platform import chat, chat_sync, post

pytestmark = [pytest.mark.integration, pytest.mark.django_db(transaction=True)]
TOKEN = {"authorization": "Bearer secret"}


@pytest.fixture(autouse=True)
def _monitored(settings: Any, redis_client: redis.Redis) -> None:
    settings.METRICS_TOKEN = "secret"


def scrape() -> list[Sample]:
    response = Client().get("/metrics", headers=TOKEN)
    assert response.status_code == 200
    return [sample for family in parse(response.content.decode()) for sample in family.samples]


def value(samples: list[Sample], name: str, **labels: str) -> float | None:
    found = [
        sample.value
        for sample in samples
        if sample.name == f"engagement_{name}" and labels.items() <= sample.labels.items()
    ]
    assert len(found) <= 1
    return found[0] if found else None


def run_pipeline(client: redis.Redis) -> int:
    """Has a tick counted by all processes; returns the tick."""
    post(client, keys.CHAT_MESSAGE, chat("m1"))
    post(client, keys.SYNC_EVENTS, chat_sync("m1"))
    post(client, keys.CHAT_MESSAGE, b"{not JSON")
    post(client, keys.CHAT_MESSAGE, {"sessionId": 7})
    collect(client)
    tick = tick_at(server_time_ms(client)) + 1
    score_all(client, tick)
    for process in PROCESSES:
        note_heartbeat(client, process)
    return tick


def test_a_tick_scored_again_is_not_counted_again(redis_client: redis.Redis) -> None:
    tick = run_pipeline(redis_client)
    before = value(scrape(), "session_scores_total")
    score_all(redis_client, tick)
    assert value(scrape(), "session_scores_total") == before


@pytest.mark.usefixtures("connections_closed")
async def test_open_sockets_are_counted(cast: Cast, redis_client: redis.Redis) -> None:
    socket, _ = await connected(session_path(cast), cast.alice)
    assert value(await sync_to_async(scrape)(), "open_sockets") == 1
    await socket.disconnect()
    assert value(await sync_to_async(scrape)(), "open_sockets") == 0


@pytest.mark.parametrize("version", ["abc", "1.x", "", "9" * 5_000, "\xff", "-1", "2.0.0"])
def test_a_version_that_cannot_be_read_is_no_error(version: str) -> None:
    for kind in ("application/openmetrics-text", "text/plain"):
        answer = Client().get("/metrics", headers={**TOKEN, "accept": f"{kind};version={version}"})
        assert answer.status_code == 200
        assert b"engagement_server_up" in answer.content


def test_metrics_are_told_as_openmetrics_too(redis_client: redis.Redis) -> None:
    run_pipeline(redis_client)
    accept = {"accept": "application/openmetrics-text; version=1.0.0"}
    response = Client().get("/metrics", headers={**TOKEN, **accept})
    assert response.headers["Content-Type"].startswith("application/openmetrics-text")
    names = {family.name for family in parse_open(response.content.decode())}
    assert "engagement_received_events" in names


def test_without_redis_the_rest_is_told(redis_client: redis.Redis, settings: Any) -> None:
    settings.REDIS_URL = f"redis://127.0.0.1:{ports.find_free()}"
    samples = scrape()
    assert value(samples, "server_up", server="redis") == 0
    assert value(samples, "server_up", server="database") == 1
    assert value(samples, "live_sessions") == 0
    assert value(samples, "session_scores_total") is None


def test_only_admins_and_monitoring_may_read(cast: Cast, redis_client: redis.Redis) -> None:
    assert Client().get("/metrics").status_code == 401
    wrong = Client().get("/metrics", headers={"authorization": "Bearer wrong"})
    assert wrong.status_code == 401
    assert wrong.headers["WWW-Authenticate"].startswith("Bearer")
    assert logged_in(cast.alice).get("/metrics").status_code == 401
    assert logged_in(cast.admin).get("/metrics").status_code == 200
