"""A running conference: people in rooms, and all the real processes that handle their events."""

import itertools
import random
import threading
import time
from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import redis
from playwright.sync_api import Browser

from sessions_app.redis_access import keys
from sessions_app.redis_access.client import server_time_ms
from sessions_app.ticks import tick_at
from tests.e2e.driving.browser import Pages, Window
from tests.e2e.driving.stack_process import (
    PRODUCT,
    running_product,
    running_servers,
    scored_tick,
    wait_for,
)
from tests.e2e.driving.traffic import RedisThread
from tests.factories import PASSWORD
from tests.platform import chat, post, user

# Long enough for the detector to learn a room's usual behaviour.
HISTORY_SECONDS = 300
PEOPLE = 120
ROOM_STEP_SECONDS = 0.25
# Each room is a session of its own event with its own organizer.
ROOMS = {"talk": "alice", "workshop": "bob"}
ASSIGN = """
from django.contrib.auth.models import User
from sessions_app.models import Event
for room, name in {rooms}.items():
    organizer = User.objects.create_user(name, password={password!r})
    Event.objects.get(external_id=f"event-{{room}}").organizers.add(organizer)
"""


class Room(RedisThread):
    """A session whose people chat and react at a steady rate, and leave and return on request."""

    def __init__(self, redis_url: str, session: str, event: str) -> None:
        super().__init__(redis_url, f"room {session}")
        self._session = session
        self._event = event
        self._present = [f"u{number}" for number in range(PEOPLE)]
        self._away: list[str] = []
        self._random = random.Random(7)
        self._numbers = itertools.count()
        self._lock = threading.Lock()

    def enter(self, then: float) -> None:
        """Has everybody join at a Unix time."""
        for name in self._present:
            self._post_user("user_join", name, then)

    def leave(self, count: int, seconds: float) -> None:
        """Has people leave, evenly spread over ``seconds``; returns when the last has left."""
        self._move(count, seconds, self._present, self._away, "user_leave")

    def come_back(self, seconds: float) -> None:
        """Has everybody who left return, evenly spread over ``seconds``."""
        self._move(len(self._away), seconds, self._away, self._present, "user_join")

    def _move(
        self, count: int, seconds: float, source: list[str], target: list[str], kind: str
    ) -> None:
        for _ in range(count):
            with self._lock:
                name = source.pop()
                self._post_user(kind, name)
                target.append(name)
            time.sleep(seconds / count)

    def run(self) -> None:
        while not self._stopping.wait(ROOM_STEP_SECONDS):
            with self._lock:
                self.live()

    def live(self, then: float | None = None) -> None:
        """One time step, in which people present chat once every other minute on average."""
        for name in self._present:
            draw = self._random.random() * 120 / ROOM_STEP_SECONDS
            if draw < 1:
                message = chat(f"{self._session}-{next(self._numbers)}", name, self._session)
                self._post(keys.CHAT_MESSAGE, message, then)
            elif draw < 1.2:
                self._post_user("reaction", name, then)

    def _post_user(self, kind: str, name: str, then: float | None = None) -> None:
        self._post(keys.SYNC_EVENTS, user(kind, name, self._session), then)

    def _post(self, channel: str, payload: dict[str, Any], then: float | None) -> None:
        entry_id = "*" if then is None else f"{int(then * 1000)}-*"
        post(self._client, channel, {**payload, "eventId": self._event}, entry_id)


def backfill(rooms: Collection[Room], seconds: int) -> None:
    """Posts the activity of the last ``seconds``, with its past times."""
    start = time.time() - seconds
    for room in rooms:
        room.enter(start)
    for step in range(int(seconds / ROOM_STEP_SECONDS)):
        for room in rooms:
            room.live(start + step * ROOM_STEP_SECONDS)


def wait_until_caught_up(redis_url: str) -> None:
    """Returns when all backfilled events are scored."""
    with redis.Redis.from_url(redis_url) as client:
        due = tick_at(server_time_ms(client)) - 1
        wait_for(lambda: scored_tick(client) >= due, "the backfill is scored")


@dataclass
class Conference:
    """Rooms, the product's processes, and browsers of organizers."""

    pages: Pages
    rooms: dict[str, Room]

    def window_of(self, name: str, title: str = "") -> Window:
        """A browser window of an organizer, on the overview or on a session's page."""
        window = self.pages.window(1400, 900)
        window.log_in(name)
        if title:
            window.page.get_by_role("link", name=title).click()
        window.wait_for_state("live")
        return window

    def close_windows(self) -> None:
        while self.pages.windows:
            self.pages.windows.pop().context.close()


@contextmanager
def running_conference(directory: Path, browser: Browser) -> Iterator[Conference]:
    """The product, with rooms that have been active for minutes when it starts."""
    with ExitStack() as stack:
        servers = stack.enter_context(running_servers(directory))
        urls = servers["database"].server.url, servers["redis"].server.url
        product = stack.enter_context(running_product(directory, *urls))
        product.manage("migrate", "--verbosity", "0")
        rooms = {name: Room(product.redis_url, name, f"event-{name}") for name in ROOMS}
        backfill(rooms.values(), HISTORY_SECONDS)
        for room in rooms.values():
            stack.enter_context(room)
        for name in PRODUCT:
            product.start(name)
        product.wait_until_ready()
        wait_until_caught_up(product.redis_url)
        product.manage("shell", "-c", ASSIGN.format(rooms=ROOMS, password=PASSWORD))
        conference = Conference(Pages(product, browser, product.redis_url), rooms)
        stack.callback(conference.close_windows)
        yield conference
