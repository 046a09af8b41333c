"""From an event on Redis to the open page, through all the real processes and a real browser."""

import statistics
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from playwright.sync_api import Page

from sessions_app.redis_access import keys
from sessions_app.ticks import TICK_MS, TICK_SECONDS
from tests.e2e.driving.browser import note_problems, open_browser
from tests.e2e.driving.stack_process import RunningProcesses, running_installation
from tests.platform import chat, post, user

pytestmark = [pytest.mark.e2e, pytest.mark.alone]

# In the worst case an event waits for a whole tick.
PROMISE_SECONDS = TICK_SECONDS + 0.5


@pytest.fixture
def product(tmp_path: Path) -> Iterator[RunningProcesses]:
    with running_installation(tmp_path) as (running, _):
        running.start_missing()
        yield running


@pytest.fixture
def page(chromium_path: str) -> Iterator[Page]:
    with open_browser(chromium_path) as browser:
        yield browser.new_page()


def log_in(product: RunningProcesses, page: Page) -> None:
    words = product.manage("create_admin", "maria").stdout.split()
    page.goto(f"http://127.0.0.1:{product.web_port}/")
    page.fill("#id_username", words[1])
    page.fill("#id_password", words[2])
    page.click("button[type=submit]")


def seconds_to_pixel(client: redis.Redis, page: Page, number: int, phase: float) -> float:
    """Posts a chat message ``phase`` seconds into a tick; returns when the page shows it."""
    before = int(page.inner_text("[data-signal=chat_msgs_per_min]"))
    seconds, microseconds = client.time()
    now_ms = seconds * 1000 + microseconds // 1000
    time.sleep((TICK_MS - now_ms % TICK_MS) / 1000 + phase)
    started = time.monotonic()
    post(client, keys.CHAT_MESSAGE, chat(f"m{number}", "u1", "talk", eventId="conference"))
    page.wait_for_function(
        "count => document.querySelector('[data-signal=chat_msgs_per_min]').textContent == count",
        arg=str(before + 1),
        timeout=20_000,
    )
    return time.monotonic() - started


def test_an_event_is_on_the_open_page_within_a_tick_and_half_a_second(
    product: RunningProcesses, page: Page
) -> None:
    problems: list[str] = []
    note_problems(page, problems)
    with redis.Redis.from_url(product.redis_url, socket_timeout=10) as client:
        log_in(product, page)
        page.wait_for_selector("#empty:not([hidden])")
        post(client, keys.SYNC_EVENTS, user("user_join", "u1", "talk"))
        page.click(".card-title a", timeout=20_000)  # the session appears by itself
        page.wait_for_selector("#connection[data-state=live]")
        page.wait_for_function("document.querySelector('#score-value').textContent == '25'")
        # A message early in a tick waits longest. The rate covers a minute, so nothing expires.
        waits = [seconds_to_pixel(client, page, number, 0.1) for number in range(5)]
        score = page.inner_text("#score-value")
    print("\nfrom event to pixel:", ", ".join(f"{wait:.2f} s" for wait in waits))
    assert int(score) > 25
    assert statistics.median(waits) <= PROMISE_SECONDS
    assert problems == []
