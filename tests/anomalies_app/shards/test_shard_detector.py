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


def test_a_mass_exit_is_stored_and_told_once(room: Room, told: redis.client.PubSub) -> None:
    room.score(EXIT_TICK - 1)
    assert not Anomaly.objects.exists()
    for tick in range(EXIT_TICK, EXIT_TICK + 4):
        room.score(tick)
    anomaly = Anomaly.objects.get()
    assert anomaly.type == "MASS_EXIT"
    # So many have left that nobody waits for them to come back.
    assert anomaly.time == tick_end(room.first + EXIT_TICK)
    assert anomaly.reason.startswith("Active users fell from 40 to 12 in ")
    assert anomaly.ended_at is None
    assert (anomaly.session.external_id, anomaly.event.external_id) == ("s1", "e1")
    assert anomaly.metadata["moved"]["signal"] == "active_users"
    detected = [payload for name, payload in messages(told) if name == keys.ANOMALY_DETECTED]
    assert [(payload["id"], payload["type"]) for payload in detected] == [
        (str(anomaly.pk), "MASS_EXIT")
    ]
    assert detected[0]["signals"]["active_users"] == STAYING
    assert detected[0]["timestamp"] == anomaly.time.isoformat()


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


@pytest.mark.parametrize(
    "step",
    [
        "sessions_app.outcomes.session_parts.store_metrics",
        "anomalies_app.shards.anomaly_part.store_changes",
        "anomalies_app.shards.anomaly_part.publish_changes",
    ],
)
def test_a_tick_that_failed_while_it_was_told_is_told_once(
    room: Room, told: redis.client.PubSub, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    room.score(EXIT_TICK - 1)
    with monkeypatch.context() as broken:
        broken.setattr(step, _fail)
        with pytest.raises(redis.ConnectionError):
            room.score(EXIT_TICK)
    for _ in range(2):
        room.score(EXIT_TICK + 2)
    assert Anomaly.objects.count() == 1
    assert [name for name, _ in messages(told)] == [keys.ANOMALY_DETECTED]


@pytest.mark.parametrize("lost", [b"", b"not a state"])
def test_a_lost_state_is_rebuilt_from_the_metrics(room: Room, lost: bytes) -> None:
    room.score(EXIT_TICK - 1)
    for shard in range(keys.SHARD_COUNT):
        room.client.set(keys.shard_detector(shard), lost)
    room.score(EXIT_TICK + 3)
    assert Anomaly.objects.get().time == tick_end(room.first + EXIT_TICK)


def test_an_open_episode_goes_on_after_the_state_is_lost(
    room: Room, told: redis.client.PubSub
) -> None:
    room.score(EXIT_TICK + 1)
    began = Anomaly.objects.get()
    for shard in range(keys.SHARD_COUNT):
        room.client.delete(keys.shard_detector(shard))
    room.score(EXIT_TICK + 37)
    anomaly = Anomaly.objects.get()
    assert (anomaly.pk, anomaly.time) == (began.pk, began.time)
    assert anomaly.ended_at is not None
    assert [name for name, _ in messages(told)].count(keys.ANOMALY_DETECTED) == 1


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


def _fail(*args: object) -> None:
    raise redis.ConnectionError("gone")
