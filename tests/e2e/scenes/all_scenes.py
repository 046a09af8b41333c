"""Every page in all relevant states, for axe-core and screenshots.

To add a page or state, add a line to `SCENES`, or to the scenes of a page with many states.
"""

from datetime import timedelta

from django.template.loader import render_to_string
from playwright.sync_api import Page, Route

from anomalies_app.records import Change
from tests.e2e.scenes.admin_scenes import ADMIN_SCENES
from tests.e2e.scenes.scene import (
    FALLING,
    LIVELY,
    TITLES,
    Scene,
    at,
    build_conference,
    curve,
    make_story,
    refuse_sockets,
    wait_until_connected,
)
from tests.e2e.scenes.session_scenes import SESSION_SCENES
from tests.factories import (
    TICK,
    Cast,
    last_tick_end,
    make_anomaly,
    make_event,
    make_notice,
    make_session,
    make_user,
)


def build_one(cast: Cast) -> str:
    make_story(cast.session, curve(LIVELY), last_tick_end())
    return "/"


def build_unusual(cast: Cast) -> str:
    """The longest title without spaces, a right-to-left title, and one with an alert."""
    cast.session.title = "W" * 255
    cast.session.save()
    falling = make_session(cast.session.event, "مرحبا بكم في مؤتمر 2026!")
    for session, shape in ((cast.session, LIVELY), (falling, FALLING)):
        make_story(session, curve(shape), last_tick_end())
    make_anomaly(make_notice(falling, ago=60))
    return "/"


def build_wall(cast: Cast) -> str:
    build_conference(cast)
    return "/"


def build_large_wall(cast: Cast) -> str:
    """500 live sessions in 20 events, a fifth of them falling."""
    end = last_tick_end()
    for number in range(20):
        event = make_event(f"Track {number + 1}", cast.alice)
        for place in range(25):
            session = make_session(
                event, f"{TITLES[place % len(TITLES)]} {number * 25 + place + 1}"
            )
            make_story(session, curve(LIVELY if place % 5 else FALLING), end)
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
            make_story(session, curve(FALLING if number % 4 == 2 else LIVELY), end)
        for place in range(number % 3):
            began = end - (20 + place) * TICK
            make_anomaly(make_notice(session, Change.ENDED, began_at=began, changed_at=end))
    return "/finished/"


def build_forbidden(cast: Cast) -> str:
    make_user("clerk", is_staff=True)
    return "/admin/sessions_app/session/"


def fail_login(page: Page) -> None:
    page.get_by_label("Username").fill("alice")
    page.get_by_label("Password").fill("not hers")
    with page.expect_navigation():
        page.get_by_role("button", name="Log in").click()
    page.get_by_role("alert").wait_for()


def lock_login(page: Page) -> None:
    while page.get_by_role("heading", name="Too many attempts").count() == 0:
        fail_login(page)


def break_server(page: Page, status: int = 500) -> None:
    def answer(route: Route) -> None:
        body = render_to_string(f"{status}.html")
        route.fulfill(status=status, content_type="text/html", body=body)

    page.route("**/broken/", answer)


def take_database_away(page: Page) -> None:
    break_server(page, 503)


def submit_old_form(page: Page) -> None:
    """Submits a form after the browser has lost its cookies, as by a logout in another tab."""
    page.context.clear_cookies()
    page.get_by_role("button", name="Log out").click()
    page.get_by_role("heading", name="This form has expired").wait_for()


def wait_until_reconnecting(page: Page) -> None:
    page.wait_for_selector("#connection[data-state=reconnecting]")


def search(page: Page) -> None:
    wait_until_connected(page)
    page.get_by_role("searchbox").fill("nothing like this")
    page.wait_for_selector("#no-match:not([hidden])")


SCENES = (
    Scene("login", at("/login/"), user=""),
    Scene("login-failed", at("/login/"), user="", act=fail_login),
    Scene("login-locked", at("/login/"), user="", act=lock_login),
    Scene("not-found", at("/nowhere/")),
    Scene("forbidden", build_forbidden, user="clerk"),
    Scene("form-too-old", at("/"), act=submit_old_form),
    Scene("server-error", at("/broken/"), user="", prepare=break_server),
    Scene("server-away", at("/broken/"), user="", prepare=take_database_away),
    Scene("overview-one", build_one, act=wait_until_connected, checked=False),
    Scene("overview-unusual", build_unusual, act=wait_until_connected, checked=False),
    Scene("overview", build_wall, act=wait_until_connected),
    Scene("overview-empty", at("/"), user="charlie", act=wait_until_connected),
    Scene("overview-reconnecting", build_wall, prepare=refuse_sockets, act=wait_until_reconnecting),
    Scene("overview-filtered", build_wall, act=search),
    Scene("overview-500", build_large_wall, act=wait_until_connected, whole=False, checked=False),
    Scene("overview-full-screen", build_full_screen, act=wait_until_connected, whole=False),
    Scene("finished", build_finished),
    Scene("finished-empty", at("/finished/"), user="charlie"),
    *SESSION_SCENES,
    *ADMIN_SCENES,
)
