"""Alerts from the pipeline on real servers: stored and told once, whatever is interrupted where."""

import json
from collections.abc import Iterator

import pytest
import redis

from anomalies_app.models import Anomaly
from sessions_app.models import Event, Session
from sessions_app.redis_access import keys
from sessions_app.redis_access.client import server_time_ms
from sessions_app.ticks import TICK_MS, tick_at, tick_end
from tests.pipeline import collect_all, collector, score_all
from tests.platform import post, user

pytestmark = [pytest.mark.integration, pytest.mark.django_db(transaction=True)]

PEOPLE = 40
STAYING = 12
QUIET_TICKS = 50
EXIT_TICK = 52


class Room:
    """A session whose people come, stay for four minutes, and mostly leave at once."""

    def __init__(self, client: redis.Redis) -> None:
        self.client = client
        self.first = tick_at(server_time_ms(client)) - 90
        self.number = 0

    def happen(self, kind: str, tick: int, people: range) -> None:
        for person in people:
            self.number += 1
            time = (self.first + tick) * TICK_MS
            event = {**user(kind, f"u{person}"), "eventId": "e1"}
            post(self.client, keys.SYNC_EVENTS, event, f"{time}-{self.number}")

    def play(self) -> None:
        self.happen("user_join", 0, range(PEOPLE))
        for tick in range(1, EXIT_TICK):
            self.happen("presence_update", tick, range(1))
        self.happen("user_leave", EXIT_TICK, range(STAYING, PEOPLE))
        with collector() as running:
            collect_all(self.client, running)

    def score(self, tick: int) -> None:
        score_all(self.client, self.first + tick)


@pytest.fixture
def room(redis_client: redis.Redis) -> Room:
    room = Room(redis_client)
    room.play()
    return room


@pytest.fixture
def told(redis_client: redis.Redis) -> Iterator[redis.client.PubSub]:
    with redis_client.pubsub(ignore_subscribe_messages=True) as subscription:
        subscription.subscribe(keys.ANOMALY_DETECTED, keys.ANOMALY_UPDATED)
        for _ in subscription.channels:
            subscription.get_message(timeout=1)  # that it listens
        yield subscription


def messages(subscription: redis.client.PubSub) -> list[tuple[str, dict]]:
    found = []
    while (message := subscription.get_message(timeout=0.5)) is not None:
        found.append((message["channel"].decode(), json.loads(message["data"])))
    return found


def test_an_episode_ends_when_people_return(room: Room, told: redis.client.PubSub) -> None:
    room.happen("user_join", EXIT_TICK + 5, range(STAYING, PEOPLE))
    with collector() as running:
        collect_all(room.client, running)
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
