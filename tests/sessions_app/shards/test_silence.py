"""Whom nobody has heard of, and who was only not counted."""

from datetime import timedelta

import pytest
import redis
from django.utils import timezone

from anomalies_app.models import Anomaly
from engagement_conductor import tasks
from sessions_app.models import Session
from sessions_app.redis_access import keys
from sessions_app.redis_access.client import server_time_ms
from sessions_app.ticks import CATCH_UP_TICKS, TICK_MS, tick_at
from tests.integration.test_long_outages import say
from tests.pipeline import collect_all, collector, rows, score_all
from tests.platform import post, user

pytestmark = [
    pytest.mark.integration,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("new_worker"),
]

OUTAGE_TICKS = 41 * 12

BEFORE_TICKS = 3


def post_people(client: redis.Redis, tick: int, count: int) -> None:
    for number in range(count):
        joined = user("user_join", f"u{number}")
        post(client, keys.SYNC_EVENTS, joined, f"{tick * TICK_MS}-*")


@pytest.mark.parametrize("collected", [True, False], ids=["worker away", "all away"])
def test_forty_one_minutes_without_a_worker_end_no_room_in_which_people_talk(
    redis_client: redis.Redis, collected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = tick_at(server_time_ms(redis_client)) - 1
    first = now - OUTAGE_TICKS - BEFORE_TICKS
    with collector() as running:
        post_people(redis_client, first, 200)
        for tick in range(first, first + BEFORE_TICKS):
            say(redis_client, tick)
        collect_all(redis_client, running)
    score_all(redis_client, first + BEFORE_TICKS - 1)
    ended_before = timezone.now() - timedelta(minutes=41)
    Session.objects.update(last_seen_at=ended_before)

    with collector() as running:
        for tick in range(first + BEFORE_TICKS, now + 1, 7):
            say(redis_client, tick)
            if collected and tick % 3 == 0:
                collect_all(redis_client, running)
        collect_all(redis_client, running)
    # The clock runs as soon as the scorer is current, before it has told of signs of life.
    for tick in (now - CATCH_UP_TICKS, now):
        score_all(redis_client, tick)
        Session.objects.update(last_seen_at=ended_before)
        monkeypatch.setattr(tasks, "server_time_ms", lambda _, tick=tick: (tick + 1) * TICK_MS)
        tasks.end_silent_sessions()

    session = Session.objects.get()
    assert session.ended_at is None
    assert session.event.external_id == "e1"
    assert rows()[-1].active_users == 200
    assert len(rows()) == BEFORE_TICKS + 2 * CATCH_UP_TICKS
    assert not Anomaly.objects.exists()
