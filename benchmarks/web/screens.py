"""From the publication of a tick to the last of many open screens, compared with bare sockets."""

import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import NamedTuple

import msgspec

from benchmarks.measurement import Measurement
from benchmarks.pipeline.scorers import running_scorers
from benchmarks.web.bare_server import running_bare_server
from benchmarks.web.conference import SESSIONS, Conference
from benchmarks.web.server import running_web_server
from benchmarks.web.spectators import Screen, Spectators, frame, opening_request
from dashboard.pages.payloads import update_payloads
from sessions_app.scoring.points import SessionPoint, SignalValues
from sessions_app.scoring.score import category

OVERVIEWS = 200
SESSION_PAGES = 50
MEASURED_TICKS = 10
PAUSE_SECONDS = 1.0
GOAL_SECONDS = 1.0


class Waits(NamedTuple):
    """How long screens wait for a tick, in seconds.

    Attributes:
        published: per screen, since the whole tick was published; 0 if it was current before.
        scored: until the last screen, since scoring began.
    """

    published: list[float]
    scored: list[float]


def measure(report: Callable[[str], None]) -> list[Measurement]:
    """Measures 500 live sessions on 200 overviews and 50 session pages at once."""
    with running_scorers() as scorers:
        report(f"scoring five minutes of {SESSIONS} sessions")
        conference = Conference(scorers)
        waits = _with_the_product(conference, report)
        report("the same on bare sockets")
        bare = _with_bare_sockets(conference)
    note = "as many bytes on bare sockets"
    return [
        *(
            Measurement(f"screens_{name}", at(waits.published), "s", at(bare), note)
            for name, at in (("p50", statistics.median), ("p95", _p95), ("max", max))
        ),
        Measurement(
            "screens_scored", statistics.median(waits.scored), "s", GOAL_SECONDS, "the goal"
        ),
        Measurement("screens_scored_max", max(waits.scored), "s", GOAL_SECONDS, "the goal"),
    ]


def _p95(values: list[float]) -> float:
    return statistics.quantiles(values, n=20)[-1]


def _with_the_product(conference: Conference, report: Callable[[str], None]) -> Waits:
    with running_web_server() as server:
        spectators = Spectators(server.port, _screens(conference, server.port))
        report(
            f"{OVERVIEWS} overviews and {SESSION_PAGES} session pages opened"
            f" in {spectators.opening_seconds:.1f} s"
        )
        waits = Waits([], [])
        for _ in range(MEASURED_TICKS):
            time.sleep(PAUSE_SECONDS)
            moment = conference.prepare_tick()
            begun = time.monotonic()
            conference.score_tick()
            published = time.monotonic()
            current = spectators.current_at(moment)
            waits.published.extend(max(0.0, each - published) for each in current)
            waits.scored.append(max(current) - begun)
        spectators.stop()
    return waits


def _screens(conference: Conference, port: int) -> list[Screen]:
    cookies = conference.cookies()
    overview = Screen(opening_request("/ws/overview/", port, cookies), SESSIONS)
    pages = [
        Screen(opening_request(f"/ws/sessions/{key}/", port, cookies), 1)
        for key in conference.session_keys[:SESSION_PAGES]
    ]
    return [overview] * OVERVIEWS + pages


def _with_bare_sockets(conference: Conference) -> list[float]:
    with running_bare_server() as server:
        spectators = Spectators(server.port, [Screen(b"", SESSIONS)] * OVERVIEWS)
        waits = []
        for _ in range(MEASURED_TICKS):
            time.sleep(PAUSE_SECONDS)
            moment = conference.prepare_tick()
            frames = [_frame(conference, moment)]
            begun = time.monotonic()
            server.send(frames)
            waits += [each - begun for each in spectators.current_at(moment)]
        spectators.stop()
    return waits


def _frame(conference: Conference, moment: int) -> bytes:
    """A tick of all sessions in one message, as an overview receives it."""
    time = datetime.fromtimestamp(moment / 1000, UTC)
    score, signals = 2 / 3, SignalValues(40 / 3, 1 / 3, 12, 15, 10 / 3, 1 / 97)
    points = [
        SessionPoint(
            session_id=key,
            event_id=1,
            external_id="",
            event_external_id="",
            time=time,
            score=score,
            category=category(score),
            signals=signals,
        )
        for key in conference.session_keys
    ]
    payloads = update_payloads(points, {})
    return frame(msgspec.json.encode({"type": "points", "points": payloads, "now": moment}))
