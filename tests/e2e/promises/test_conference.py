"""The promises to organizers, through all the real processes and real browsers.

All tests share one conference, but each can also run alone.
"""

import json
import re
import signal
import time
from collections.abc import Iterator
from datetime import timedelta
from itertools import pairwise
from typing import Any

import psycopg
import pytest
import redis

from sessions_app.redis_access import keys
from sessions_app.ticks import TICK_MS
from tests.e2e.driving.browser import Window, open_browser
from tests.e2e.driving.conference import Conference, running_conference
from tests.e2e.driving.stack_process import scored_tick, wait_for
from tests.e2e.driving.traffic import stored_scores

pytestmark = [pytest.mark.e2e, pytest.mark.alone, pytest.mark.timeout(420)]

PROMISE_SECONDS = 10.0
# Two thirds: too many for a network fault, so the detector does not wait for them to return.
LEAVING_AT_ONCE = 80
AT_ONCE_SECONDS = 1.0
LEAVING = 70
SLOWLY_SECONDS = 15.0
DOWN_TICKS = 2


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, chromium_path: str) -> Iterator[Conference]:
    directory = tmp_path_factory.mktemp("conference")
    with (
        open_browser(chromium_path) as browser,
        running_conference(directory, browser) as conference,
    ):
        yield conference


@pytest.fixture
def conference(running: Conference) -> Iterator[Conference]:
    yield running
    running.close_windows()


@pytest.fixture
def client(running: Conference) -> Iterator["redis.Redis"]:
    with redis.Redis.from_url(running.pages.redis_url, socket_timeout=10) as client:
        yield client


class Notices:
    """The anomaly notices of a session that are published to the platform."""

    def __init__(self, client: "redis.Redis", session: str) -> None:
        self._session = session
        self._subscription = client.pubsub()
        self._subscription.subscribe(keys.ANOMALY_DETECTED, keys.ANOMALY_UPDATED)
        confirmed = [self._subscription.get_message(timeout=5)["type"] for _ in range(2)]
        assert confirmed == ["subscribe"] * 2
        self.messages: list[tuple[str, dict[str, Any]]] = []

    def on(self, channel: str) -> list[dict[str, Any]]:
        while message := self._subscription.get_message(timeout=0.2):
            payload = json.loads(message["data"])
            if payload["sessionId"] == self._session:
                self.messages.append((message["channel"].decode(), payload))
        return [payload for name, payload in self.messages if name == channel]


def wait_for_tick_start(client: "redis.Redis") -> None:
    seconds, microseconds = client.time()
    now_ms = seconds * 1000 + microseconds // 1000
    time.sleep((TICK_MS - now_ms % TICK_MS) / 1000 + 0.1)


def stored_anomalies(database_url: str, session: str) -> list[tuple[Any, ...]]:
    query = """
        SELECT anomaly.id::text, anomaly.type, anomaly.time, anomaly.ended_at
        FROM anomalies anomaly JOIN sessions_app_session session ON session.id = anomaly.session_id
        WHERE session.external_id = %s
    """
    with psycopg.connect(database_url, connect_timeout=5) as connection:
        return connection.execute(query, [session]).fetchall()


def drawn_points(window: Window) -> list[tuple[int, float]]:
    """The times (milliseconds) and scores on the chart, including placeholders for gaps."""
    points = "Chart.getChart('chart').data.datasets[0].data.map(({ x, y }) => [x, y])"
    return [(x, y) for x, y in window.page.evaluate(points)]


def test_a_sudden_drop_is_seen_within_ten_seconds_and_acknowledged_elsewhere(
    conference: Conference, client: "redis.Redis"
) -> None:
    near, far = (conference.window_of("alice", "talk") for _ in range(2))
    assert near.page.locator(".banner:visible").count() == 0
    wait_for_tick_start(client)
    began = time.monotonic()
    conference.rooms["talk"].leave(LEAVING_AT_ONCE, AT_ONCE_SECONDS)
    near.page.wait_for_selector(".banner[data-state=open]", timeout=20_000)
    waited = time.monotonic() - began
    print(f"\nfrom the first who left to the banner: {waited:.2f} s")
    assert waited <= PROMISE_SECONDS
    far.page.wait_for_selector(".banner[data-state=open]", timeout=2_000)

    near.page.keyboard.press("a")
    for window in (near, far):
        acknowledged = window.page.locator(".banner [data-field=acknowledged]")
        acknowledged.filter(has_text="Acknowledged by alice at").wait_for(timeout=5_000)
    assert near.problems == far.problems == []


def test_a_page_catches_up_without_reload_when_the_server_was_restarted(
    conference: Conference, client: "redis.Redis"
) -> None:
    product = conference.pages.product
    window = conference.window_of("alice", "talk")
    window.page.evaluate("window.notReloaded = true")
    product.end("web", signal.SIGTERM)
    window.wait_for_state("reconnecting")
    down = scored_tick(client)
    wait_for(lambda: scored_tick(client) >= down + DOWN_TICKS, "ticks that the page misses")
    product.start("web")
    window.wait_for_state("live", 30)
    last = scored_tick(client) + 1

    def has_caught_up() -> bool:
        window.page.wait_for_timeout(50)
        return drawn_points(window)[-1][0] >= last * TICK_MS

    wait_for(has_caught_up, "the page moves again", 20)
    drawn = drawn_points(window)
    stored = stored_scores(product.database_url, "talk")
    # Charts draw ten-thousandths.
    assert drawn == [
        (time_ms, pytest.approx(score, abs=0.00005001))
        for time_ms, score in stored
        if drawn[0][0] <= time_ms <= drawn[-1][0]
    ]
    assert {later - earlier for (earlier, _), (later, _) in pairwise(drawn)} == {TICK_MS}
    assert window.page.evaluate("window.notReloaded")


def test_an_organizer_finds_nothing_of_anothers_event(conference: Conference) -> None:
    product = conference.pages.product
    alice, bob = conference.window_of("alice", "talk"), conference.window_of("bob")
    talk = re.fullmatch(r".*/sessions/(\d+)/", alice.page.url)
    assert talk is not None
    frames: list[str] = []

    def note(frame: str | bytes) -> None:
        frames.append(str(frame))

    bob.page.on("websocket", lambda socket: socket.on("framereceived", note))
    for path in ("/", "/finished/"):
        bob.open(path)
        assert "talk" not in bob.text("body")
    bob.open("/")
    wait_for(lambda: bob.page.wait_for_timeout(50) or len(frames) > 2, "updates of bob's", 20)
    told = [json.loads(frame) for frame in frames]
    assert {card["title"] for message in told for card in message.get("cards", [])} == {"workshop"}
    assert talk[1] not in {str(point["session"]) for m in told for point in m.get("points", [])}

    session = f"/sessions/{talk[1]}"
    files = ("/metrics.csv", "/metrics.json", "/anomalies.csv", "/anomalies.json")
    for path in ("/", "/report/", "/history/?range=all", *files):
        assert alice.page.request.get(alice.base + session + path).status == 200
        assert bob.page.request.get(bob.base + session + path).status == 404
    opened = """path => new Promise(resolve => {
        const socket = new WebSocket(`ws://${location.host}${path}`);
        socket.onopen = () => resolve(true);
        socket.onerror = () => resolve(false);
    })"""
    assert alice.page.evaluate(opened, f"/ws{session}/")
    assert not bob.page.evaluate(opened, f"/ws{session}/")
    created = product.manage("create_api_token", "bob's", "--event", "event-workshop")
    headers = {"Authorization": f"Bearer {created.stdout.split()[-1]}"}
    for path, status in (("workshop/", 200), ("talk/", 404), ("talk/history/", 404)):
        address = f"{bob.base}/api/v1/sessions/{path}"
        assert bob.page.request.get(address, headers=headers).status == status


def test_a_mass_exit_raises_one_banner_that_ends_when_people_return(
    conference: Conference, client: "redis.Redis"
) -> None:
    room = conference.rooms["workshop"]
    notices = Notices(client, "workshop")
    session, overview = conference.window_of("bob", "workshop"), conference.window_of("bob")
    assert session.page.locator(".banner:visible").count() == 0

    wait_for_tick_start(client)
    room.leave(LEAVING, SLOWLY_SECONDS)
    empty_since = time.monotonic()
    session.page.wait_for_selector(".banner[data-state=open]", timeout=PROMISE_SECONDS * 1000)
    overview.page.wait_for_selector(".card-alert:visible", timeout=PROMISE_SECONDS * 1000)
    assert time.monotonic() - empty_since <= PROMISE_SECONDS
    assert session.text(".banner [data-field=type]") == "Mass exit"
    assert overview.text(".card-alert [data-field=type]") == "Mass exit"
    reason = session.text(".banner [data-field=reason]")
    assert re.match(r"Active users fell from \d+ to \d+ in \d+ seconds", reason)

    time.sleep(10)  # it is still open, and still the only one
    assert session.page.locator(".banner:visible").count() == 1
    room.come_back(SLOWLY_SECONDS)
    session.page.wait_for_selector(".banner[data-state=over]", timeout=180_000)
    overview.page.wait_for_selector(".card-alert", state="hidden", timeout=5_000)
    assert session.page.locator("#alerts .alert").count() == 1

    [detected] = notices.on(keys.ANOMALY_DETECTED)
    [ended] = [update for update in notices.on(keys.ANOMALY_UPDATED) if update["change"] == "ENDED"]
    database_url = conference.pages.product.database_url
    [(key, kind, began_at, ended_at)] = stored_anomalies(database_url, "workshop")
    assert detected["id"] == ended["id"] == key
    assert detected["type"] == kind == "MASS_EXIT"
    assert reason in {message["reason"] for _, message in notices.messages}
    assert ended_at - began_at > timedelta(seconds=10)
    assert session.problems == overview.problems == []
