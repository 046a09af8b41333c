"""A session's page in every state."""

from datetime import timedelta

from playwright.sync_api import Page

from anomalies_app.records import Change
from sessions_app.models import Pause, PauseKind, Session
from tests.e2e.scenes.scene import (
    FALLING,
    LIVELY,
    Build,
    Scene,
    build_conference,
    curve,
    fallen,
    make_story,
    refuse_sockets,
    wait_until_connected,
)
from tests.factories import (
    Cast,
    last_tick_end,
    make_anomaly,
    make_notice,
    make_poll_moment,
    make_session,
)

NO_LONGER_ALLOWED = 4403
# A score in the middle of each category.
CATEGORIES = {"very-high": 0.9, "high": 0.7, "moderate": 0.5, "low": 0.3, "very-low": 0.1}


def build_quiet_session(cast: Cast) -> str:
    return f"/sessions/{build_conference(cast)[0].pk}/"


def build_troubled_session(cast: Cast) -> str:
    return f"/sessions/{build_conference(cast)[1].pk}/"


def build_warned_session(cast: Cast) -> str:
    return f"/sessions/{build_conference(cast)[2].pk}/"


def build_long_session(cast: Cast) -> str:
    """Two hours with polls and alerts, one of which is open and acknowledged."""
    end = last_tick_end()
    title = "Workshop: data you can trust"
    length = timedelta(hours=2)
    session = make_session(cast.session.event, title, started_at=end - length)
    hours = [score for _ in range(23) for score in curve(LIVELY)]
    make_story(session, [*hours, *curve(FALLING)], end)
    for minutes in (90, 40, 4):
        opened = end - timedelta(minutes=minutes)
        make_poll_moment(session, f"poll-{minutes}", "FIRST_VOTE", opened)
        make_poll_moment(session, f"poll-{minutes}", "CLOSED", opened + timedelta(minutes=2))
    over = end - timedelta(minutes=60)
    make_anomaly(make_notice(session, Change.ENDED, ago=4_000, changed_at=over))
    notice = fallen(session, "Active users", "active_users", 127, 55)
    make_anomaly(notice, acknowledged_by=cast.alice, acknowledged_at=end)
    return f"/sessions/{session.pk}/"


def build_report(cast: Cast) -> str:
    """The same two hours, ended, with a break."""
    path = build_long_session(cast)
    session = Session.objects.get(title="Workshop: data you can trust")
    end = last_tick_end()
    Session.objects.filter(pk=session.pk).update(ended_at=end)
    Pause.objects.create(
        session=session,
        kind=PauseKind.BREAK,
        starts_at=end - timedelta(minutes=60),
        ends_at=end - timedelta(minutes=50),
        note="Coffee",
    )
    return f"{path}report/"


def with_range(name: str) -> Build:
    return lambda cast: f"{build_long_session(cast)}?range={name}"


def build_new_session(cast: Cast) -> str:
    return f"/sessions/{cast.session.pk}/"


def build_finished_session(cast: Cast) -> str:
    end = last_tick_end()
    make_story(cast.session, curve(LIVELY), end - timedelta(minutes=2))
    cast.session.started_at = end - timedelta(minutes=46)
    cast.session.ended_at = end - timedelta(minutes=1)
    cast.session.save()
    return f"/sessions/{cast.session.pk}/"


def build_stale_session(cast: Cast) -> str:
    make_story(cast.session, curve(LIVELY), last_tick_end() - timedelta(seconds=45))
    return f"/sessions/{cast.session.pk}/"


def steady(score: float) -> Build:
    """Five minutes that end in the category of a score."""

    def build(cast: Cast) -> str:
        make_story(cast.session, curve([(level + 2 * score) / 3 for level in LIVELY]))
        return f"/sessions/{cast.session.pk}/"

    return build


def cut_off(page: Page) -> None:
    """The server ends the page's updates, as when its user has logged out."""
    refuse_sockets(page, NO_LONGER_ALLOWED)


def never_answer(page: Page) -> None:
    page.add_init_script("""
        const { fetch } = window;
        const isHistory = (address) => String(address).includes("/history/");
        window.fetch = (address, ...rest) =>
            isHistory(address) ? new Promise(() => {}) : fetch(address, ...rest);
    """)


def refuse_history(page: Page) -> None:
    page.route("**/history/*", lambda route: route.fulfill(status=503))


def wait_for_message(page: Page) -> None:
    """Waits until the chart says why it is empty."""
    wait_until_connected(page)
    page.wait_for_selector("#chart-message:not([hidden])")


def wait_until_drawn(page: Page) -> None:
    wait_until_connected(page)
    page.wait_for_selector("#chart-message[hidden]", state="attached")


def wait_until_marked(page: Page) -> None:
    """Waits until the session page says that its figures are out of date."""
    page.wait_for_selector("#state:not([hidden])")


def wait_until_over(page: Page) -> None:
    page.wait_for_selector("#connection[data-state=ended]")


def read_with_keyboard(page: Page) -> None:
    """Shows the tooltip of a point."""
    wait_until_drawn(page)
    page.focus("#chart")
    for _ in range(30):
        page.keyboard.press("ArrowLeft")


def open_settings(page: Page) -> None:
    wait_until_connected(page)
    page.locator("#preferences summary").click()


SESSION_SCENES = (
    Scene("session", build_quiet_session, act=wait_until_connected),
    *(
        Scene(f"session-{name}", steady(score), act=wait_until_connected, checked=False)
        for name, score in CATEGORIES.items()
    ),
    Scene("session-warning", build_warned_session, act=wait_until_connected),
    Scene("session-critical", build_troubled_session, act=wait_until_connected, checked=False),
    Scene("session-half-hour", with_range("30m"), act=wait_until_drawn, checked=False),
    Scene("session-two-hours", with_range("2h"), act=read_with_keyboard),
    Scene("session-whole", with_range("all"), act=wait_until_drawn, checked=False),
    Scene("session-loading", with_range("30m"), prepare=never_answer, act=wait_for_message),
    Scene(
        "session-not-loaded",
        with_range("30m"),
        prepare=refuse_history,
        act=wait_for_message,
        checked=False,
    ),
    Scene("session-settings", build_troubled_session, act=open_settings),
    Scene(
        "session-reconnecting",
        build_quiet_session,
        prepare=refuse_sockets,
        act=wait_until_marked,
    ),
    Scene("session-refused", build_quiet_session, prepare=cut_off, act=wait_until_marked),
    Scene("session-new", build_new_session, act=wait_until_connected),
    Scene("session-stale", build_stale_session, act=wait_until_marked),
    Scene("session-over", build_finished_session, act=wait_until_over),
    Scene("report", build_report),
    Scene("report-empty", lambda cast: f"/sessions/{cast.session.pk}/report/"),
)
