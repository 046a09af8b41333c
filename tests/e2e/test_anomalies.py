"""From a room that empties to a banner, and back, through all the real processes and a browser."""

import itertools
import json
import random
import re
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any, Self

import psycopg
import pytest
import redis
from playwright.sync_api import Browser, Page

from sessions_app import keys
from sessions_app.ticks import TICK_MS
from tests.e2e.browser import note_problems, open_browser
from tests.e2e.stack_process import PRODUCT, RunningProcesses, running_product, running_servers
from tests.platform import chat, post, user

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(420)]

PROMISE_SECONDS = 10.0
# Long enough for the detector to know what this room is usually like.
HISTORY_SECONDS = 300
PEOPLE = 120
LEAVING = 70
LEAVING_SECONDS = 15.0
ROOM_STEP_SECONDS = 0.25


class Room(threading.Thread):
    """A session whose people chat and react at a steady pace, and leave and return when told."""

    def __init__(self, redis_url: str, session: str, people: int) -> None:
        super().__init__(name="room", daemon=True)
        self._client = redis.Redis.from_url(redis_url, socket_timeout=5)
        self._session = session
        self._present = [f"u{number}" for number in range(people)]
        self._away: list[str] = []
        self._random = random.Random(7)
        self._numbers = itertools.count()
        self._lock = threading.Lock()
        self._stopping = threading.Event()

    def pretend(self, seconds: int) -> None:
        """Posts what would have happened in the last ``seconds``, with the times of then."""
        now = time.time()
        for name in self._present:
            self._post_user("user_join", name, now - seconds)
        for step in range(int(seconds / ROOM_STEP_SECONDS)):
            self._live(now - seconds + step * ROOM_STEP_SECONDS)

    def leave(self, count: int, seconds: float) -> None:
        """Has people leave, evenly within ``seconds``; returns when the last of them has left."""
        self._move(count, seconds, self._present, self._away, "user_leave")

    def come_back(self, seconds: float) -> None:
        """Has all return who left."""
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
                self._live()

    def _live(self, then: float | None = None) -> None:
        """A step of time, in which each of those present says something every other minute."""
        for name in self._present:
            draw = self._random.random() * 120 / ROOM_STEP_SECONDS
            if draw < 1:
                message = chat(f"m{next(self._numbers)}", name, self._session, eventId="e1")
                self._post(keys.CHAT_MESSAGE, message, then)
            elif draw < 1.2:
                self._post_user("reaction", name, then)

    def _post_user(self, kind: str, name: str, then: float | None = None) -> None:
        self._post(keys.SYNC_EVENTS, {**user(kind, name, self._session), "eventId": "e1"}, then)

    def _post(self, channel: str, payload: dict[str, Any], then: float | None) -> None:
        post(self._client, channel, payload, "*" if then is None else f"{int(then * 1000)}-*")

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._stopping.set()
        self.join(timeout=20)
        self._client.close()


@pytest.fixture
def running(tmp_path: Path) -> Iterator[tuple[RunningProcesses, Room]]:
    """The product, and a room that has been lively for minutes when it starts."""
    with ExitStack() as stack:
        servers = stack.enter_context(running_servers(tmp_path))
        urls = servers["database"].server.url, servers["redis"].server.url
        product = stack.enter_context(running_product(tmp_path, *urls))
        product.manage("migrate", "--verbosity", "0")
        room = Room(product.redis_url, "talk", PEOPLE)
        room.pretend(HISTORY_SECONDS)
        stack.enter_context(room)
        for name in PRODUCT:
            product.start(name)
        product.wait_until_ready()
        yield product, room


@pytest.fixture
def browser(chromium_path: str) -> Iterator[Browser]:
    with open_browser(chromium_path) as browser:
        yield browser


class Told:
    """What the platform is told of anomalies."""

    def __init__(self, client: "redis.Redis") -> None:
        self._subscription = client.pubsub()
        self._subscription.subscribe(keys.ANOMALY_DETECTED, keys.ANOMALY_UPDATED)
        confirmed = [self._subscription.get_message(timeout=5)["type"] for _ in range(2)]
        assert confirmed == ["subscribe"] * 2
        self.messages: list[tuple[str, dict[str, Any]]] = []

    def on(self, channel: str) -> list[dict[str, Any]]:
        while message := self._subscription.get_message(timeout=0.2):
            self.messages.append((message["channel"].decode(), json.loads(message["data"])))
        return [payload for name, payload in self.messages if name == channel]


def open_pages(product: RunningProcesses, browser: Browser, problems: list[str]) -> list[Page]:
    """The session's page and the overview, both connected."""
    words = product.manage("create_admin", "maria").stdout.split()
    context = browser.new_context(viewport={"width": 1400, "height": 900}, locale="en-GB")
    overview, session = context.new_page(), context.new_page()
    for page in (overview, session):
        note_problems(page, problems)
        page.goto(f"http://127.0.0.1:{product.web_port}/")
        if page is overview:
            page.fill("#id_username", words[1])
            page.fill("#id_password", words[2])
            page.click("button[type=submit]")
            page.wait_for_selector("#cards")
    session.reload()
    session.click("text=talk", timeout=30_000)
    for page in (overview, session):
        page.wait_for_selector("#connection[data-state=live]")
    return [session, overview]


def wait_for_tick_start(client: "redis.Redis") -> None:
    seconds, microseconds = client.time()
    now_ms = seconds * 1000 + microseconds // 1000
    time.sleep((TICK_MS - now_ms % TICK_MS) / 1000 + 0.1)


def stored_anomalies(database_url: str) -> list[tuple[Any, ...]]:
    query = "SELECT id::text, type, reason, time, ended_at FROM anomalies"
    with psycopg.connect(database_url, connect_timeout=5) as connection:
        return connection.execute(query).fetchall()


def test_a_mass_exit_raises_one_banner_that_ends_when_people_return(
    running: tuple[RunningProcesses, Room], browser: Browser, tmp_path: Path
) -> None:
    product, room = running
    problems: list[str] = []
    client = redis.Redis.from_url(product.redis_url, socket_timeout=10)
    told = Told(client)
    session, overview = open_pages(product, browser, problems)
    assert session.locator(".banner:visible").count() == 0
    assert told.on(keys.ANOMALY_DETECTED) == stored_anomalies(product.database_url) == []

    wait_for_tick_start(client)
    room.leave(LEAVING, LEAVING_SECONDS)
    empty_since = time.monotonic()
    session.wait_for_selector(".banner[data-state=open]", timeout=PROMISE_SECONDS * 1000)
    overview.wait_for_selector(".card-alert:visible", timeout=PROMISE_SECONDS * 1000)
    waited = time.monotonic() - empty_since
    print(f"\nfrom the last who left to the banner: {waited:.2f} s")
    assert waited <= PROMISE_SECONDS
    session.screenshot(path=tmp_path / "raised.png", full_page=True)
    assert session.inner_text(".banner [data-field=type]") == "Mass exit"
    assert overview.inner_text(".card-alert [data-field=type]") == "Mass exit"
    reason = session.inner_text(".banner [data-field=reason]")
    assert re.match(r"Active users fell from \d+ to \d+ in \d+ seconds", reason)

    time.sleep(10)  # it goes on, and there is still only one
    assert session.locator(".banner:visible").count() == 1
    room.come_back(LEAVING_SECONDS)
    session.wait_for_selector(".banner[data-state=over]", timeout=180_000)
    overview.wait_for_selector(".card-alert", state="hidden", timeout=5_000)
    session.screenshot(path=tmp_path / "over.png", full_page=True)
    assert session.locator("#alerts .alert").count() == 1

    [detected] = told.on(keys.ANOMALY_DETECTED)
    [ended] = [update for update in told.on(keys.ANOMALY_UPDATED) if update["change"] == "ENDED"]
    [(key, kind, _, began_at, ended_at)] = stored_anomalies(product.database_url)
    assert detected["id"] == ended["id"] == key
    assert detected["type"] == kind == "MASS_EXIT"
    assert detected["sessionId"] == "talk"
    assert reason in {message["reason"] for _, message in told.messages}
    assert ended_at - began_at > timedelta(seconds=10)
    assert problems == []
    client.close()
