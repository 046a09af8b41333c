"""How fast a real browser draws a tick of 500 cards, and how long its longest task takes."""

import os
import statistics
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connections
from playwright.sync_api import Page, sync_playwright

from benchmarks.measurement import Measurement
from benchmarks.pipeline.scorers import running_scorers
from benchmarks.web.conference import SESSIONS, Conference
from benchmarks.web.server import running_web_server
from engagement_conductor.local_stack.ports import LOOPBACK

MEASURED_TICKS = 10
SETTLING_MS = 1_500
ARGUMENTS = ["--no-sandbox", "--disable-gpu"]

# Runs before the page's own scripts. A tick arrives as one or more messages; each counts as drawn
# at the end of the frame that follows it.
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
RESET = "notes.drawn.length = notes.tasks.length = 0"
# The naive way to update the page.
REDRAW_ALL = """() => new Promise((done) => {
    const list = document.getElementById("cards");
    const begun = performance.now();
    list.innerHTML = list.innerHTML;
    afterFrame(() => done(performance.now() - begun));
})"""


def measure(report: Callable[[str], None]) -> list[Measurement]:
    """Measures an overview of 500 live sessions in Chromium.

    Tasks below 0.05 s are not reported by the browser and count as 0. Skipped without Chromium.
    """
    if not os.environ.get("CHROMIUM"):
        report("SKIPPED: Chromium not found (install it, or set CHROMIUM to its path)")
        return []
    with running_scorers() as scorers:
        report(f"scoring five minutes of {SESSIONS} sessions")
        conference = Conference(scorers)
        with (
            running_web_server() as server,
            _overview(server.port, conference.cookies()) as page,
        ):
            report("watching them in a browser")
            notes, redraw = _watch(page, conference)
    drawn = [duration / 1000 for duration in notes["drawn"]]
    longest = max(notes["tasks"], default=0) / 1000
    note = "all cards rewritten as HTML"
    return [
        Measurement("drawing_p50", statistics.median(drawn), "s", redraw, note),
        Measurement("drawing_max", max(drawn), "s", redraw, note),
        Measurement("drawing_longest_task", longest, "s", redraw, note),
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
    """The page's notes on all ticks, and seconds to rewrite all cards."""
    for number in range(MEASURED_TICKS + 1):
        conference.prepare_tick()
        conference.score_tick()
        page.wait_for_timeout(SETTLING_MS)
        if number == 0:
            page.evaluate(RESET)  # exclude the loading of the page
    notes = page.evaluate("notes")
    redraws = [page.evaluate(REDRAW_ALL) / 1000 for _ in range(MEASURED_TICKS)]
    return notes, statistics.median(redraws)
