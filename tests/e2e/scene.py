"""What a scene is: a page in a state that is worth looking at; and what scenes are made of."""

from collections.abc import Callable
from dataclasses import dataclass

from playwright.sync_api import Page, WebSocketRoute

from sessions_app.announcing import begin_break
from sessions_app.models import Session
from tests.factories import (
    TICK,
    Cast,
    last_tick_end,
    make_anomaly,
    make_event,
    make_metrics,
    make_notice,
    make_session,
)

Build = Callable[[Cast], str]
OnPage = Callable[[Page], None]

LIVELY = [0.55, 0.58, 0.62, 0.6, 0.64, 0.68, 0.71, 0.69, 0.66, 0.7, 0.74, 0.72]
FALLING = [0.66, 0.64, 0.65, 0.6, 0.55, 0.47, 0.4, 0.33, 0.28, 0.25, 0.22, 0.18]
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
        name: of the screenshots.
        build: makes the data in a database that holds the cast only; returns the path of the page.
        user: who has logged in; nobody if empty.
        prepare: is called with the page before it is opened.
        act: is called with the page when it is open, and leaves it in its state.
        whole: whether a screenshot shows the whole page, however long it is.
        checked: whether axe-core looks at it; what is many times the same takes it minutes.
    """

    name: str
    build: Build
    user: str = "alice"
    prepare: OnPage = do_nothing
    act: OnPage = do_nothing
    whole: bool = True
    checked: bool = True


def at(path: str) -> Build:
    """Nothing but the cast, whose sessions have no score yet."""
    return lambda cast: path


def curve(shape: list[float]) -> list[float]:
    """Five minutes of scores through the points of a shape."""
    steps = [(one, other) for one, other in zip(shape, [*shape[1:], shape[-1]], strict=True)]
    return [one + (other - one) * part / 5 for one, other in steps for part in range(5)]


def build_conference(cast: Cast) -> list[Session]:
    """An event of six live sessions: two in trouble, one in a break, one without a score yet."""
    event = make_event("Connect 2026", cast.alice)
    sessions = [make_session(event, title) for title in TITLES]
    end = last_tick_end()
    make_metrics(cast.session, curve(LIVELY), end)
    for number, session in enumerate(sessions[:-1]):
        shape = FALLING if number in (1, 2) else LIVELY[number:] + LIVELY[:number]
        make_metrics(session, curve(shape), end)
    make_anomaly(make_notice(sessions[1], ago=75, severity="CRITICAL"))
    reason = "Chat fell from 42 to 9 messages a minute while 180 of 190 people stayed."
    make_anomaly(make_notice(sessions[2], ago=40, type="SUDDEN_DROP", reason=reason))
    begin_break(sessions[3], end - TICK)
    return sessions


def refuse_sockets(page: Page, code: int | None = None) -> None:
    def close(socket: WebSocketRoute) -> None:
        socket.close(code=code)

    page.route_web_socket("**/ws/**", close)


def wait_until_connected(page: Page) -> None:
    page.wait_for_selector("#connection:is([data-state=live], [data-state=stale])")
