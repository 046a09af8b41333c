"""Every page in every state that is worth looking at. Two readers: axe-core and screenshots.

A new page or state is a new line in `SCENES`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from playwright.sync_api import Page, WebSocketRoute

from anomalies_app.results import Change
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
    make_poll_moment,
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


def build_wall(cast: Cast) -> str:
    build_conference(cast)
    return "/"


def build_quiet_session(cast: Cast) -> str:
    return f"/sessions/{build_conference(cast)[0].pk}/"


def build_troubled_session(cast: Cast) -> str:
    return f"/sessions/{build_conference(cast)[1].pk}/"


def build_long_session(cast: Cast) -> str:
    """Two hours with polls and alerts, one of which goes on and has been acknowledged."""
    end = last_tick_end()
    title = "Workshop: data you can trust"
    length = timedelta(hours=2)
    session = make_session(cast.session.event, title, started_at=end - length)
    hours = [score for _ in range(23) for score in curve(LIVELY)]
    make_metrics(session, [*hours, *curve(FALLING)], end)
    for minutes in (90, 40, 4):
        opened = end - timedelta(minutes=minutes)
        make_poll_moment(session, f"poll-{minutes}", "FIRST_VOTE", opened)
        make_poll_moment(session, f"poll-{minutes}", "CLOSED", opened + timedelta(minutes=2))
    make_anomaly(make_notice(session, Change.ENDED, ago=4_000))
    notice = make_notice(session, ago=60, severity="CRITICAL")
    make_anomaly(notice, acknowledged_by=cast.alice, acknowledged_at=end)
    return f"/sessions/{session.pk}/?range=2h"


def build_new_session(cast: Cast) -> str:
    return f"/sessions/{cast.session.pk}/"


def build_finished_session(cast: Cast) -> str:
    end = last_tick_end()
    make_metrics(cast.session, curve(LIVELY), end - timedelta(minutes=2))
    cast.session.started_at = end - timedelta(minutes=46)
    cast.session.ended_at = end - timedelta(minutes=1)
    cast.session.save()
    return f"/sessions/{cast.session.pk}/"


def build_stale_session(cast: Cast) -> str:
    make_metrics(cast.session, curve(LIVELY), last_tick_end() - timedelta(seconds=45))
    return f"/sessions/{cast.session.pk}/"


def build_large_wall(cast: Cast) -> str:
    """500 live sessions in 20 events, every fifth of them falling."""
    end = last_tick_end()
    for number in range(20):
        event = make_event(f"Track {number + 1}", cast.alice)
        for place in range(25):
            session = make_session(
                event, f"{TITLES[place % len(TITLES)]} {number * 25 + place + 1}"
            )
            make_metrics(session, curve(LIVELY if place % 5 else FALLING), end)
            if place == 5 * (number % 5):
                make_anomaly(make_notice(session, ago=60))
    return "/"


def build_full_screen(cast: Cast) -> str:
    build_conference(cast)
    return "/?wall=1"


def build_finished(cast: Cast) -> str:
    """30 finished sessions on two pages; some without a score, some with alerts."""
    for number in range(30):
        end = last_tick_end() - timedelta(hours=5 * number + 1)
        title = TITLES[number % len(TITLES)]
        start = end - timedelta(minutes=20 + 7 * number)
        session = make_session(cast.session.event, title, started_at=start, ended_at=end)
        if number % 7 != 3:
            make_metrics(session, curve(FALLING if number % 4 == 2 else LIVELY), end)
        for place in range(number % 3):
            began = end - (20 + place) * TICK
            make_anomaly(make_notice(session, Change.ENDED, began_at=began, changed_at=end))
    return "/finished/"


def fail_login(page: Page) -> None:
    page.get_by_label("Name").fill("alice")
    page.get_by_label("Password").fill("not hers")
    page.get_by_role("button", name="Log in").click()
    page.get_by_role("alert").wait_for()


def refuse_sockets(page: Page) -> None:
    def close(socket: WebSocketRoute) -> None:
        socket.close()

    page.route_web_socket("**/ws/**", close)


def wait_until_connected(page: Page) -> None:
    page.wait_for_selector("#connection:is([data-state=live], [data-state=stale])")


def wait_until_reconnecting(page: Page) -> None:
    page.wait_for_selector("#connection[data-state=reconnecting]")


def wait_until_marked(page: Page) -> None:
    """The session page says that its figures are not current."""
    page.wait_for_selector("#state:not([hidden])")


def wait_until_over(page: Page) -> None:
    page.wait_for_selector("#connection[data-state=ended]")


def read_with_keyboard(page: Page) -> None:
    """The tooltip of a point."""
    page.wait_for_selector("#chart-message[hidden]", state="attached")
    wait_until_connected(page)
    page.focus("#chart")
    for _ in range(30):
        page.keyboard.press("ArrowLeft")


def open_settings(page: Page) -> None:
    wait_until_connected(page)
    page.locator("#preferences summary").click()


def search(page: Page) -> None:
    wait_until_connected(page)
    page.get_by_role("searchbox").fill("nothing like this")
    page.wait_for_selector("#no-match:not([hidden])")


SCENES = (
    Scene("login", at("/login/"), user=""),
    Scene("login-failed", at("/login/"), user="", act=fail_login),
    Scene("not-found", at("/nowhere/")),
    Scene("overview", build_wall, act=wait_until_connected),
    Scene("overview-empty", at("/"), user="charlie", act=wait_until_connected),
    Scene("overview-reconnecting", build_wall, prepare=refuse_sockets, act=wait_until_reconnecting),
    Scene("overview-filtered", build_wall, act=search),
    Scene("overview-500", build_large_wall, act=wait_until_connected, whole=False, checked=False),
    Scene("overview-full-screen", build_full_screen, act=wait_until_connected, whole=False),
    Scene("finished", build_finished),
    Scene("finished-empty", at("/finished/"), user="charlie"),
    Scene("session", build_quiet_session, act=wait_until_connected),
    Scene("session-alert", build_troubled_session, act=wait_until_connected),
    Scene("session-two-hours", build_long_session, act=read_with_keyboard),
    Scene("session-settings", build_troubled_session, act=open_settings),
    Scene(
        "session-reconnecting",
        build_quiet_session,
        prepare=refuse_sockets,
        act=wait_until_marked,
    ),
    Scene("session-new", build_new_session, act=wait_until_connected),
    Scene("session-stale", build_stale_session, act=wait_until_marked),
    Scene("session-over", build_finished_session, act=wait_until_over),
)
