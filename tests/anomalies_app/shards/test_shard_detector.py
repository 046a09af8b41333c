"""Alerts from the pipeline on real servers: stored and told once, whatever is interrupted where."""

import pytest
import redis

from anomalies_app.models import Anomaly
from sessions_app.models import Event, Session
from sessions_app.redis_access import keys
from sessions_app.ticks import tick_end
from tests.anomalies_app.conftest import messages
from tests.anomalies_app.shards.conftest import EXIT_TICK, PEOPLE, STAYING, Room
from tests.pipeline import collect

pytestmark = [pytest.mark.integration, pytest.mark.django_db(transaction=True)]


def test_an_episode_ends_when_people_return(room: Room, told: redis.client.PubSub) -> None:
    room.happen("user_join", EXIT_TICK + 5, range(STAYING, PEOPLE))
    collect(room.client)
    room.score(EXIT_TICK + 30)
    anomaly = Anomaly.objects.get()
    assert tick_end(room.first + EXIT_TICK + 5) < anomaly.ended_at
    assert anomaly.ended_at <= tick_end(room.first + EXIT_TICK + 30)
    name, payload = messages(told)[-1]
    assert (name, payload["change"]) == (keys.ANOMALY_UPDATED, "ENDED")
    assert payload["endedAt"] == anomaly.ended_at.isoformat()


def test_an_event_can_mute_a_type_from_the_next_tick(room: Room) -> None:
    room.score(EXIT_TICK - 1)
    event = Event.objects.get(external_id="e1")
    event.mute_mass_exit = event.mute_sudden_drop = True
    event.mute_gradual_decline = event.mute_low_engagement = True
    event.save()
    room.score(EXIT_TICK + 10)
    assert not Anomaly.objects.exists()


def test_a_session_that_is_over_leaves_no_open_episode(room: Room) -> None:
    room.score(EXIT_TICK + 1)
    assert Anomaly.objects.open().count() == 1
    Session.objects.update(ended_at=tick_end(room.first + EXIT_TICK + 2))
    assert not Anomaly.objects.open().exists()
