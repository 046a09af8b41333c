"""A real browser on real pages, and control of the messages that the pages receive."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import redis
from channels_redis.pubsub import RedisPubSubChannelLayer
from django.conf import settings
from django.db import connections
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from anomalies_app.records import AnomalyChange
from dashboard.live import broadcast
from dashboard.live.subscriptions import WatchedGroups, watched_groups
from sessions_app.models import PollMoment
from sessions_app.scoring.points import SessionPoint
from tests.e2e.driving.stack_process import RunningProcesses, wait_for
from tests.factories import PASSWORD

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


def note_problems(page: Page, problems: list[str]) -> None:
    """Appends everything that goes wrong in a page from now on to ``problems``."""

    def note_message(message: Any) -> None:
        if message.type in {"error", "warning"}:
            problems.append(message.text)

    def note_failure(request: Any) -> None:
        # The browser cancels pending requests of a page when it leaves it.
        if request.failure != "net::ERR_ABORTED":
            problems.append(f"{request.failure} {request.url}")

    def note_response(response: Any) -> None:
        if response.status >= 400:
            problems.append(f"{response.status} {response.url}")

    page.on("console", note_message)
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("requestfailed", note_failure)
    page.on("response", note_response)


@dataclass
class Window:
    """A browser window: its page, and everything that went wrong in it."""

    context: BrowserContext
    page: Page
    base: str
    problems: list[str] = field(default_factory=list)

    def open(self, path: str) -> None:
        self.page.goto(self.base + path)

    def log_in(self, name: str) -> None:
        self.open("/login/")
        self.page.get_by_label("Username").fill(name)
        self.page.get_by_label("Password").fill(PASSWORD)
        self.page.get_by_role("button", name="Log in").click()
        self.page.wait_for_url(self.base + "/")

    def wait_for_state(self, state: str, seconds: float = 20) -> None:
        """Waits until the connection indicator shows ``state``."""
        selector = f"#connection[data-state={state}]"
        self.page.wait_for_selector(selector, timeout=seconds * 1000)

    def wait_until_connected(self) -> None:
        """Waits until the server's snapshot is shown, however old its scores are."""
        self.page.wait_for_selector("#connection:is([data-state=live], [data-state=stale])")

    def text(self, selector: str) -> str:
        return self.page.inner_text(selector)

    def wait_for_text(self, selector: str, text: str, seconds: float = 5) -> None:
        def shown() -> bool:
            # The text of hidden elements is undefined.
            return self.page.is_visible(selector) and self.text(selector) == text

        wait_on(self.page, shown, f"{selector} shows {text!r}", seconds)


def wait_on(page: Page, condition: Callable[[], object], what: str, seconds: float = 5) -> None:
    """Waits for a condition while the page goes on."""
    # Not `wait_for_function`: it uses eval, which the pages' CSP forbids.
    wait_for(lambda: page.wait_for_timeout(20) or condition(), what, seconds)


@dataclass
class Pages:
    """A running web server, a browser, and the scorer's side of the channel layer."""

    product: RunningProcesses
    browser: Browser
    redis_url: str
    windows: list[Window] = field(default_factory=list)

    def window(self, width: int = 1280, height: int = 800, **options: Any) -> Window:
        viewport = {"width": width, "height": height}
        options = {"locale": "en-GB", **options}
        context = self.browser.new_context(viewport=viewport, **options)
        base = f"http://127.0.0.1:{self.product.web_port}"
        window = Window(context, context.new_page(), base)
        note_problems(window.page, window.problems)
        self.windows.append(window)
        return window

    def log_in(self, name: str, path: str = "", **options: Any) -> Window:
        """A window in which somebody has logged in; with a path, connected there."""
        window = self.window(**options)
        window.log_in(name)
        if path:
            window.open(path)
            window.wait_until_connected()
        return window

    def watched(self) -> WatchedGroups:
        with redis.Redis.from_url(self.redis_url) as client:
            return watched_groups(client)

    def broadcast(self, *points: SessionPoint, pauses: dict[int, str] | None = None) -> None:
        """Broadcasts like the scorer; in a thread, because this one runs the browser's loop."""
        with ThreadPoolExecutor() as executor:
            watched = self.watched()
            executor.submit(broadcast.broadcast_points, points, watched, pauses).result()

    def broadcast_ended(self, *sessions: Any) -> None:
        with ThreadPoolExecutor() as executor:
            watched = self.watched()
            executor.submit(broadcast.broadcast_ended, sessions, watched).result()

    def broadcast_polls(self, *moments: PollMoment) -> None:
        with ThreadPoolExecutor() as executor:
            watched = self.watched()
            executor.submit(broadcast.broadcast_polls, moments, watched).result()

    def broadcast_changes(self, *notices: AnomalyChange) -> None:
        with ThreadPoolExecutor() as executor:
            watched = self.watched()
            executor.submit(broadcast.broadcast_changes, notices, watched).result()


@contextmanager
def open_browser(path: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        browser.close()


@contextmanager
def running_pages(
    directory: Path,
    database_url: str,
    redis_url: str,
    browser: Browser,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Pages]:
    """Pages on the test database and a Redis of their own, which the channel layer uses, too."""
    options = settings.CHANNEL_LAYERS["default"]["CONFIG"]
    hosts = [{**options["hosts"][0], "address": redis_url}]
    layer = RedisPubSubChannelLayer(**{**options, "hosts": hosts})
    monkeypatch.setattr(broadcast, "get_channel_layer", lambda: layer)
    product = RunningProcesses(directory, database_url, redis_url)
    pages = Pages(product, browser, redis_url)
    try:
        product.start("web")
        wait_for(lambda: product.page_status("/healthz") == 200, "the web server responds")
        yield pages
    finally:
        for window in pages.windows:
            window.context.close()
        product.stop()
        # Django opens separate connections in Playwright's loop, which nothing else would close.
        connections.close_all()
