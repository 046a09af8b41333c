"""Many open session pages, and page requests: latency, throughput and memory.

Up to 2,000 sockets of session pages are open. Each should get its point of every tick; a point that
does not arrive within a tick counts as a dropped frame. Pages are requested by several clients at
once, compared with a bare server that answers with as many bytes.
"""

import http.client
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from benchmarks import memory
from benchmarks.measurement import Measurement
from benchmarks.pipeline.scorers import running_scorers
from benchmarks.web.bare_pages import running_bare_pages
from benchmarks.web.conference import Conference
from benchmarks.web.server import running_web_server
from benchmarks.web.spectators import Screen, Spectators, opening_request
from engagement_conductor.local_stack import ports

SOCKETS = (200, 1_000, 2_000)
MEASURED_TICKS = 5
PAUSE_SECONDS = 1.0
TICK_SECONDS = 5.0
CLIENTS = 4
REQUESTS = 40
# Promised time until an open page is current again after a fault.
RECOVERY_SECONDS = 10.0


class Sockets(NamedTuple):
    """Results for a number of open sockets.

    Attributes:
        opening_seconds: time until all of them, opened at once, had their snapshot.
        waits: seconds from the end of a tick's scoring to the last screen.
        dropped: frames that did not arrive within a tick.
        bytes_each: memory of the web server per socket.
    """

    opening_seconds: float
    waits: list[float]
    dropped: int
    bytes_each: float


def measure(report: Callable[[str], None]) -> list[Measurement]:
    """Measures sockets of session pages, and requests per second of both kinds of pages."""
    measurements: list[Measurement] = []
    with running_scorers() as scorers:
        report("scoring five minutes of a conference")
        conference = Conference(scorers)
        for count in SOCKETS:
            report(f"{count:,} open session pages")
            found = _with_sockets(conference, count)
            measurements += [
                Measurement(
                    f"sockets_{count}",
                    statistics.median(found.waits),
                    "s",
                    TICK_SECONDS,
                    "length of a tick",
                ),
                Measurement(
                    f"sockets_{count}_dropped",
                    found.dropped,
                    "frames",
                    count * MEASURED_TICKS,
                    "all frames",
                ),
                Measurement(
                    f"sockets_{count}_opening",
                    found.opening_seconds,
                    "s",
                    RECOVERY_SECONDS,
                    "the promise after a fault",
                ),
                Measurement(f"sockets_{count}_bytes", found.bytes_each, "bytes", 65_536, "64 KiB"),
            ]
        report("requests per second")
        measurements += _requests(conference)
    return measurements


def _with_sockets(conference: Conference, count: int) -> Sockets:
    with running_web_server() as server:
        cookies = conference.cookies()
        _get(server.port, "/", cookies)
        before = memory.resident_bytes(server.pid)
        keys = [conference.session_keys[n % len(conference.session_keys)] for n in range(count)]
        screens = [
            Screen(opening_request(f"/ws/sessions/{key}/", server.port, cookies), 1) for key in keys
        ]
        spectators = Spectators(server.port, screens)
        waits, dropped = [], 0
        for _ in range(MEASURED_TICKS):
            time.sleep(PAUSE_SECONDS)
            moment = conference.prepare_tick()
            conference.score_tick()
            scored = time.monotonic()
            current = spectators.current_at(moment)
            waits.append(max(0.0, max(current) - scored))
            dropped += sum(each - scored > TICK_SECONDS for each in current)
        grown = memory.resident_bytes(server.pid) - before
        spectators.stop()
    return Sockets(spectators.opening_seconds, waits, dropped, grown / count)


def _requests(conference: Conference) -> list[Measurement]:
    with running_web_server() as server:
        cookies = conference.cookies()
        paths = {"overview": "/", "session": f"/sessions/{conference.session_keys[0]}/"}
        found = []
        for name, path in paths.items():
            size = len(_get(server.port, path, cookies))
            rate = _rate(server.port, path, cookies)
            with running_bare_pages(size) as port:
                bare = _rate(port, "/", {})
            note = "a bare server, as many bytes"
            found.append(Measurement(f"requests_{name}", rate, "pages/s", bare, note))
    return found


def _rate(port: int, path: str, cookies: dict[str, str]) -> float:
    """Pages per second, requested by several clients at once."""
    with ThreadPoolExecutor(CLIENTS) as clients:
        began = time.perf_counter()
        answers = [clients.submit(_get, port, path, cookies) for _ in range(REQUESTS)]
        for answer in answers:
            answer.result()
        return REQUESTS / (time.perf_counter() - began)


def _get(port: int, path: str, cookies: dict[str, str]) -> bytes:
    connection = http.client.HTTPConnection(ports.LOOPBACK, port, timeout=60)
    cookie = "; ".join(f"{name}={value}" for name, value in cookies.items())
    try:
        connection.request("GET", path, headers={"Cookie": cookie, "Accept-Encoding": "gzip"})
        answer = connection.getresponse()
        body = answer.read()
    finally:
        connection.close()
    if answer.status != 200:
        raise AssertionError(f"{path}: {answer.status}")
    return body
