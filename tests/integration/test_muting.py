"""When the detector is quiet: in breaks, and once the end of a session was announced."""

from typing import Any

import pytest
import redis
from django.utils import timezone

from anomalies_app.models import Anomaly
from sessions_app.models import Event, Pause, Session
from sessions_app.redis_access import keys
from sessions_app.redis_access.client import server_time_ms
from sessions_app.ticks import CATCH_UP_TICKS, TICK_MS, tick_at, tick_end
from tests.pipeline import collect_all, collector, score_all
from tests.platform import ended, post, user

pytestmark = [pytest.mark.integration, pytest.mark.django_db(transaction=True)]

EXIT = 80
PEOPLE = 40


@pytest.fixture
def first(redis_client: redis.Redis) -> int:
    """The tick in which everybody comes; as many are left until now as are caught up with."""
    tick = tick_at(server_time_ms(redis_client)) - CATCH_UP_TICKS + 5
    score_all(redis_client, tick - 1)
    with collector() as running:
        for number in range(PEOPLE):
            send(redis_client, tick, user("user_join", f"u{number}"))
        collect_all(redis_client, running)
    score_all(redis_client, tick + EXIT - 1)
    return tick


def send(client: redis.Redis, tick: int, payload: dict[str, Any]) -> None:
    post(client, keys.SYNC_EVENTS, payload, f"{tick * TICK_MS}-*")


def leave(client: redis.Redis, tick: int, *also: dict[str, Any]) -> None:
    """Three in four leave within a tick, and the next 10 ticks are scored."""
    with collector() as running:
        for number in range(PEOPLE * 3 // 4):
            send(client, tick, user("user_leave", f"u{number}"))
        for payload in also:
            send(client, tick + 3, payload)
        collect_all(client, running)
    score_all(client, tick + 10)


def test_an_exit_raises_an_alert(redis_client: redis.Redis, first: int) -> None:
    leave(redis_client, first + EXIT)
    [anomaly] = Anomaly.objects.all()
    assert (anomaly.type, anomaly.ended_at) == ("MASS_EXIT", None)


def test_an_exit_into_a_break_raises_none(redis_client: redis.Redis, first: int) -> None:
    Pause.objects.create(session=Session.objects.get(), starts_at=tick_end(first + EXIT - 1))
    leave(redis_client, first + EXIT)
    assert not Anomaly.objects.exists()


def test_what_the_event_does_not_want_raises_none(redis_client: redis.Redis, first: int) -> None:
    muted = {f"mute_{kind}": True for kind in ("mass_exit", "sudden_drop", "low_engagement")}
    Event.objects.update(**muted, mute_gradual_decline=True, updated_at=timezone.now())
    leave(redis_client, first + EXIT)
    assert not Anomaly.objects.exists()


def test_an_alert_ends_with_its_session(redis_client: redis.Redis, first: int) -> None:
    leave(redis_client, first + EXIT, ended())
    [anomaly] = Anomaly.objects.all()
    assert anomaly.type == "MASS_EXIT"
    assert anomaly.ended_at == tick_end(first + EXIT + 3) == Session.objects.get().ended_at
