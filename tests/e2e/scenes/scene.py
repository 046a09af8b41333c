"""Scenes, which are pages in a certain state, and the data to build them."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from msgspec.structs import replace
from playwright.sync_api import Page, WebSocketRoute

from anomalies_app.records import AnomalyChange, SignalMove
from sessions_app.control.announcements import begin_break
from sessions_app.models import EngagementMetric, Session
from sessions_app.scoring.score import ScoreSettings, Signals, score
from sessions_app.ticks import WINDOW_TICKS
from tests.factories import (
    COUNTS,
    TICK,
    Cast,
    last_tick_end,
    make_anomaly,
    make_event,
    make_notice,
    make_session,
)

Build = Callable[[Cast], str]
OnPage = Callable[[Page], None]

LIVELY = [0.55, 0.58, 0.62, 0.6, 0.64, 0.68, 0.71, 0.69, 0.66, 0.7, 0.74, 0.72]
FALLING = [0.66, 0.64, 0.65, 0.6, 0.55, 0.47, 0.4, 0.33, 0.28, 0.25, 0.22, 0.18]
PEOPLE = 200
# Maximum sum of the four positive terms of a score.
MOST_WITHOUT_LEAVING = 0.9
TITLES = (
    "Opening keynote",
    "Designing for attention",
    "Workshop: data you can trust",
    "What we learned from 10,000 webinars",
    "Panel: the room and the stream",
    "Lightning talks",
)


def do_nothing(page: Page) -> None:
    pass


@dataclass(frozen=True)
class Scene:
    """A page in a state.

    Attributes:
        name: name of the screenshots.
        build: creates the data in a database with only the cast; returns the path of the page.
        user: the logged-in user; nobody if empty.
        prepare: called with the page before it is opened.
        act: called with the open page; brings it into its state.
        whole: whether a screenshot shows the whole page, however long it is.
        checked: whether axe-core checks it; pages with many equal parts would take minutes.
    """

    name: str
    build: Build
    user: str = "alice"
    prepare: OnPage = do_nothing
    act: OnPage = do_nothing
    whole: bool = True
    checked: bool = True


def at(path: str) -> Build:
    """A page with nothing but the cast, whose sessions have no score yet."""
    return lambda cast: path


def curve(shape: list[float]) -> list[float]:
    """Five minutes of scores, interpolated between the points of a shape."""
    steps = [(one, other) for one, other in zip(shape, [*shape[1:], shape[-1]], strict=True)]
    return [one + (other - one) * part / 5 for one, other in steps for part in range(5)]


def make_story(session: Session, scores: list[float], end: datetime | None = None) -> None:
    """Stores rows whose signals result in the scores, at most 0.9; the last at ``end`` or now."""
    share = np.clip(np.array(scores) / MOST_WITHOUT_LEAVING, 0, 1)
    minute_ago = np.concatenate([np.full(WINDOW_TICKS, share[0]), share])[: len(share)]
    signals = Signals(
        chat_msgs_per_min=np.round(21**share - 1),
        poll_participation=share * 0.9,
        active_users=np.round(PEOPLE * share),
        total_users=np.full(len(share), PEOPLE),
        reactions_per_min=np.round(11**share - 1),
        user_leave_rate=np.clip(minute_ago - share, 0, 1),
    )
    columns = {name: np.asarray(values).tolist() for name, values in signals._asdict().items()}
    columns["score"] = score(signals, ScoreSettings()).tolist()
    last = end or last_tick_end()
    EngagementMetric.objects.bulk_create(
        EngagementMetric(
            session=session,
            time=last - (len(scores) - 1 - row) * TICK,
            **{name: values[row] for name, values in columns.items()},
            **dict.fromkeys(COUNTS, 0),
        )
        for row in range(len(scores))
    )


def fallen(
    session: Session, what: str, signal: str, before: int, now: int, seconds: int = 75
) -> AnomalyChange:
    """A warning about a fall, raised ``seconds`` ago."""
    return make_notice(
        session,
        ago=seconds,
        current_engagement=0.25,
        reason=f"{what} fell from {before} to {now} in {seconds} seconds.",
        moved=SignalMove(signal, before, now, seconds),
    )


def build_conference(cast: Cast) -> list[Session]:
    """An event with six live sessions: two with alerts, one in a break, one not scored yet."""
    event = make_event("Connect 2026", cast.alice)
    sessions = [make_session(event, title) for title in TITLES]
    end = last_tick_end()
    make_story(cast.session, curve(LIVELY), end)
    for number, session in enumerate(sessions[:-1]):
        shape = FALLING if number in (1, 2) else LIVELY[number:] + LIVELY[:number]
        make_story(session, curve(shape), end)
    exodus = fallen(sessions[1], "Active users", "active_users", 127, 55)
    make_anomaly(replace(exodus, severity="CRITICAL"))
    silence = fallen(sessions[2], "Chat", "chat_msgs_per_min", 6, 1)
    make_anomaly(replace(silence, type="SUDDEN_DROP"))
    begin_break(sessions[3], end - TICK)
    return sessions


def refuse_sockets(page: Page, code: int | None = None) -> None:
    def close(socket: WebSocketRoute) -> None:
        socket.close(code=code)

    page.route_web_socket("**/ws/**", close)


def wait_until_connected(page: Page) -> None:
    page.wait_for_selector("#connection:is([data-state=live], [data-state=stale])")
