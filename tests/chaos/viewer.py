"""A dashboard that stays open in a real browser all the time and is never reloaded."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

from sessions_app.ticks import TICK_MS
from tests.chaos.stack_run import ChaosError, StackRun

# From the end of a tick to its points on the page, on a busy machine.
GRACE_MS = 3_000
POLL_MS = 50


@contextmanager
def open_browser(path: str) -> Iterator[Browser]:
    """A headless Chromium."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


def true_time_ms() -> float:
    return time.time() * 1000


class Viewer:
    """The organizer's overview.

    Args:
        now_ms: returns the product's Unix time in milliseconds.

    Attributes:
        shown_ms: the newest time that the page has received, Unix time in milliseconds.
    """

    def __init__(
        self, browser: Browser, stack: StackRun, now_ms: Callable[[], float] = true_time_ms
    ) -> None:
        self.shown_ms = 0
        self._now_ms = now_ms
        self.page: Page = browser.new_page()
        self.page.on("websocket", lambda socket: socket.on("framereceived", self._take))
        name, password = stack.logins["organizer"]
        self.page.goto(stack.url)
        self.page.get_by_label("Username").fill(name)
        self.page.get_by_label("Password").fill(password)
        self.page.get_by_role("button", name="Log in").click()
        self.page.wait_for_url(stack.url)
        self.page.evaluate("window.notReloaded = true")

    def _take(self, frame: str | bytes) -> None:
        message: dict[str, Any] = json.loads(frame)
        times = [point["time"] for point in message.get("points", [])]
        self.shown_ms = max([self.shown_ms, *times])

    def poll(self) -> None:
        """Lets the page work for a moment."""
        self.page.wait_for_timeout(POLL_MS)

    def watch(self, seconds: float) -> None:
        """Watches the page for some seconds."""
        self.page.wait_for_timeout(seconds * 1000)

    def is_current(self, since_ms: float = 0) -> bool:
        """Whether the page says it is live, and shows the last ended tick.

        Args:
            since_ms: time after which the tick must have ended.
        """
        last_ms = (self._now_ms() - GRACE_MS) // TICK_MS * TICK_MS
        state = self.page.locator("#connection").get_attribute("data-state")
        return state == "live" and self.shown_ms >= max(last_ms, since_ms)

    def wait_until_current(self, seconds: float) -> float:
        """Waits until the page shows a tick that ends after now; returns the seconds that took.

        Raises:
            ChaosError: it did not within ``seconds``, or was reloaded.
        """
        start, start_ms = time.monotonic(), self._now_ms()
        while not self.is_current(start_ms):
            if time.monotonic() - start > seconds:
                state = self.page.locator("#connection").get_attribute("data-state")
                age = (self._now_ms() - self.shown_ms) / 1000
                raise ChaosError(
                    f"the page is not current after {seconds:g} s: {state}, "
                    f"its newest point is {age:.0f} s old"
                )
            self.poll()
        if not self.page.evaluate("window.notReloaded"):
            raise ChaosError("the page was reloaded")
        return time.monotonic() - start
