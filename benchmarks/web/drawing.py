"""How fast a real browser draws a tick of 500 cards, and how long it is busy at a time."""

import os
import statistics
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connections
from playwright.sync_api import Page, sync_playwright

from benchmarks.detection.scorers import running_scorers
from benchmarks.measurement import Measurement
from benchmarks.web.conference import SESSIONS, Conference
from benchmarks.web.server import running_web_server
from engagement_conductor.local_stack.ports import LOOPBACK

MEASURED_TICKS = 10
SETTLING_MS = 1_500
ARGUMENTS = ["--no-sandbox", "--disable-gpu"]

# Runs before the page's own scripts. A tick comes as one message or several, each of which is
# drawn when the frame after it is over.
NOTES = """
const notes = { drawn: [], tasks: [], shift: 0 };
const afterFrame = (done) => requestAnimationFrame(() => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = done;
    port2.postMessage(null);
});
const observe = (type, note) => new PerformanceObserver((list) => list.getEntries().forEach(note))
    .observe({ type, buffered: true });
observe("longtask", ({ duration }) => notes.tasks.push(duration));
observe("layout-shift", ({ value }) => { notes.shift += value; });
window.WebSocket = class extends WebSocket {
    constructor(...args) {
        super(...args);
        this.addEventListener("message", ({ data, timeStamp }) => {
            if (!data.startsWith('{"type":"points"')) return;
            afterFrame(() => notes.drawn.push(performance.now() - timeStamp));
        });
    }
};
Object.assign(window, { notes, afterFrame });
"""
FORGET = "notes.drawn.length = notes.tasks.length = 0"
# What a page does that knows nothing better.
DRAW_ANEW = """() => new Promise((done) => {
    const list = document.getElementById("cards");
    const begun = performance.now();
    list.innerHTML = list.innerHTML;
    afterFrame(() => done(performance.now() - begun));
})"""


def measure(report: Callable[[str], None]) -> list[Measurement]:
    """An overview of 500 live sessions in Chromium. Tasks below 0.05 s are no long ones: 0.

    Nothing is measured where there is no Chromium.
    """
    if not os.environ.get("CHROMIUM"):
        report("SKIPPED: there is no Chromium (install it, or set CHROMIUM to its path)")
        return []
    with running_scorers() as scorers:
        report(f"five minutes of {SESSIONS} sessions")
        conference = Conference(scorers)
        with (
            running_web_server() as server,
            _overview(server.port, conference.cookies()) as page,
        ):
            report("watching them in a browser")
            notes, anew = _watch(page, conference)
    drawn = [duration / 1000 for duration in notes["drawn"]]
    longest = max(notes["tasks"], default=0) / 1000
    note = "all cards written anew as HTML"
    return [
        Measurement("drawing_p50", statistics.median(drawn), "s", anew, note),
        Measurement("drawing_max", max(drawn), "s", anew, note),
        Measurement("drawing_longest_task", longest, "s", anew, note),
    ]


@contextmanager
def _overview(port: int, cookies: dict[str, str]) -> Iterator[Page]:
    """The overview in a browser window, connected."""
    base = f"http://{LOOPBACK}:{port}"
    connections.close_all()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=os.environ["CHROMIUM"], args=ARGUMENTS)
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.context.add_cookies(
            [{"name": name, "value": value, "url": base} for name, value in cookies.items()]
        )
        page.add_init_script(NOTES)
        page.goto(base)
        page.wait_for_selector("#connection:is([data-state=live], [data-state=stale])")
        yield page
        browser.close()


def _watch(page: Page, conference: Conference) -> tuple[dict[str, Any], float]:
    """What the page has noted of all ticks; how long it takes to draw all cards anew, in s."""
    for number in range(MEASURED_TICKS + 1):
        conference.prepare_tick()
        conference.score_tick()
        page.wait_for_timeout(SETTLING_MS)
        if number == 0:
            page.evaluate(FORGET)  # loading the page is not drawing a tick
    notes = page.evaluate("notes")
    anew = [page.evaluate(DRAW_ANEW) / 1000 for _ in range(MEASURED_TICKS)]
    return notes, statistics.median(anew)
