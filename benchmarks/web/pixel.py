"""From an event on Redis to the pixel it changes, through all processes and a real browser.

An event always waits for the end of its tick, up to five seconds. That wait is subtracted, which
leaves the time of the collector, scorer, database, broadcast and browser.
"""

import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import redis
from django.conf import settings
from playwright.sync_api import Page, sync_playwright

from benchmarks.measurement import Measurement
from benchmarks.web.server import database_url
from sessions_app.models import EngagementMetric, Event
from sessions_app.redis_access import keys
from sessions_app.redis_access.client import server_time_ms
from sessions_app.ticks import TICK_MS
from tests.e2e.driving.stack_process import PRODUCT, RunningProcesses, running_product
from tests.platform import chat, post, user

EVENTS = 24
SESSION, EVENT = "talk", "conference"
COUNT = "[data-signal=chat_msgs_per_min]"
GOAL_SECONDS = 0.5
POLL_MS = 5
TIMEOUT_SECONDS = 20.0


def measure(report: Callable[[str], None]) -> list[Measurement]:
    """Measures the time to the pixel; skipped without Chromium."""
    program = os.environ.get("CHROMIUM")
    if not program:
        report("SKIPPED: Chromium not found (install it, or set CHROMIUM to its path)")
        return []
    # Sessions of other benchmarks would appear on the overview, too.
    EngagementMetric.objects.all().delete()
    Event.objects.all().delete()
    report(f"messages of {EVENTS} ticks to the pixel")
    waits = sorted(_waits(program))
    cuts = statistics.quantiles(waits, n=100)
    note = "the promise of 0.5 s"
    return [
        Measurement(f"pixel_{name}", value, "s", GOAL_SECONDS, note)
        for name, value in (("p50", cuts[49]), ("p95", cuts[94]), ("p99", cuts[98]))
    ]


def _waits(program: str) -> list[float]:
    """Seconds from the end of each event's tick to its pixel."""
    redis_url = settings.REDIS_URL
    with (
        tempfile.TemporaryDirectory(dir=settings.DATA_DIR) as folder,
        redis.Redis.from_url(redis_url, socket_timeout=10) as client,
        running_product(Path(folder), database_url(), redis_url) as product,
        sync_playwright() as playwright,
    ):
        client.flushdb()
        for name in PRODUCT:
            product.start(name)
        product.wait_until_ready()
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        page = browser.new_page()
        _open_session(product, page, client)
        waits = [_wait(page, client, number) for number in range(EVENTS)]
        browser.close()
        return waits


def _open_session(product: RunningProcesses, page: Page, client: "redis.Redis") -> None:
    name, password = product.manage("create_admin", "bench").stdout.split()[1:3]
    page.goto(f"http://127.0.0.1:{product.web_port}/")
    page.fill("#id_username", name)
    page.fill("#id_password", password)
    page.click("button[type=submit]")
    post(client, keys.SYNC_EVENTS, {**user("user_join", "u", SESSION), "eventId": EVENT})
    page.click(".card-title a", timeout=TIMEOUT_SECONDS * 1000)
    page.wait_for_selector("#connection[data-state=live]")


def _wait(page: Page, client: "redis.Redis", number: int) -> float:
    """Posts messages in the middle of a tick; returns seconds from its end to the pixel.

    Posts one message more each time, so that the sum over a minute changes with every tick.
    """
    into_tick_ms = server_time_ms(client) % TICK_MS
    time.sleep((1.5 * TICK_MS - into_tick_ms) % TICK_MS / 1000)
    before = page.inner_text(COUNT)
    for part in range(number + 1):
        message = chat(f"m{number}-{part}", "u", SESSION, eventId=EVENT)
        post(client, keys.CHAT_MESSAGE, message)
    end_of_tick = time.monotonic() + (TICK_MS - server_time_ms(client) % TICK_MS) / 1000
    deadline = end_of_tick + TIMEOUT_SECONDS
    while page.inner_text(COUNT) == before:
        if time.monotonic() > deadline:
            raise AssertionError(f"the messages of tick {number} are not on the page")
        page.wait_for_timeout(POLL_MS)
    return time.monotonic() - end_of_tick
