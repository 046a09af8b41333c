"""A room that most people leave at once, played to the real pipeline."""

import pytest
import redis

from sessions_app.redis_access import keys
from sessions_app.redis_access.client import server_time_ms
from sessions_app.ticks import TICK_MS, tick_at
from tests.pipeline import collect, score_all
from tests.platform import post, user

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
        collect(self.client)

    def score(self, tick: int) -> None:
        score_all(self.client, self.first + tick)


@pytest.fixture
def room(redis_client: redis.Redis) -> Room:
    room = Room(redis_client)
    room.play()
    return room
