"""Pages of the admin."""

from datetime import timedelta
from itertools import cycle

from django.db.models import F
from playwright.sync_api import Page

from anomalies_app.models import Anomaly, AnomalyType
from anomalies_app.records import Change
from anomalies_app.review import review_anomalies
from dashboard.models import ApiToken
from sessions_app.events.decoding import Fault
from sessions_app.ingest.dead_letters import DeadLetter, set_aside
from sessions_app.redis_access import keys
from sessions_app.redis_access.client import connect
from tests.e2e.scenes.scene import (
    FALLING,
    LIVELY,
    TITLES,
    Build,
    Scene,
    at,
    build_conference,
    curve,
)
from tests.factories import (
    Cast,
    last_tick_end,
    make_anomaly,
    make_event,
    make_metrics,
    make_notice,
    make_session,
    make_staff,
)

ANOMALIES = "/admin/anomalies_app/anomaly/"
REASONS = {
    "SUDDEN_DROP": "Chat fell from 42 to 9 messages a minute while 180 of 190 people stayed",
    "GRADUAL_DECLINE": "Reactions fell from 12 to 2 a minute in 4 minutes",
    "MASS_EXIT": "Active users fell from 190 to 121 in 40 seconds; 31% left within a minute",
    "LOW_ENGAGEMENT": "Chat fell from 14 to 1 messages a minute over more than 5 minutes",
}


def build_reviews(cast: Cast) -> list[Anomaly]:
    """Anomalies of two events in every status, newest first; the first is open."""
    events = [make_event(name, cast.alice) for name in ("Connect 2026", "Winter school")]
    kinds = cycle(AnomalyType.values)
    anomalies = []
    for number, title in enumerate(TITLES * 3):
        ago = 90 if number == 0 else 3_600 * number
        session = make_session(events[number % 2], title)
        end = last_tick_end() - timedelta(seconds=ago - 60)
        make_metrics(session, [*curve(LIVELY), *curve(FALLING)], end)
        figures = {"active_users": 90 + F("score") * 60, "chat_msgs_per_min": F("score") * 40}
        session.metrics.update(reactions_per_min=F("score") * 12, **figures)
        kind = next(kinds)
        change = Change.BEGAN if number == 0 else Change.ENDED
        severity = "CRITICAL" if number % 3 == 0 else "WARNING"
        fields = {"type": kind, "severity": severity, "reason": f"{REASONS[kind]}."}
        if number:
            fields["changed_at"] = end + timedelta(seconds=20 * number)
        notice = make_notice(session, change, ago, **fields)
        seen = {"acknowledged_by": cast.alice, "acknowledged_at": end} if 2 <= number < 5 else {}
        anomalies.append(make_anomaly(notice, **seen))
    keys = [anomaly.pk for anomaly in anomalies]
    review_anomalies(keys[4:12], cast.admin, "CONFIRMED", "Sound was lost.")
    review_anomalies(keys[12:15], cast.admin, "FALSE_ALARM", "A break that nobody had announced.")
    return anomalies


def build_list(cast: Cast) -> str:
    build_reviews(cast)
    return ANOMALIES


def build_reviewed(cast: Cast) -> str:
    return f"{ANOMALIES}{build_reviews(cast)[4].pk}/change/"


def build_open(cast: Cast) -> str:
    return f"{ANOMALIES}{build_reviews(cast)[0].pk}/change/"


def build_without_metrics(cast: Cast) -> str:
    return f"{ANOMALIES}{make_anomaly(make_notice(cast.session)).pk}/change/"


def build_readable(cast: Cast) -> str:
    make_staff("reader", "view_anomaly")
    return build_open(cast)


def build_tokens(cast: Cast) -> str:
    for name in ("Event platform", "Wall in the foyer"):
        token = ApiToken(name=name, all_events=True, created_by=cast.admin)
        token.renew_secret()
        token.save()
    return "/admin/dashboard/apitoken/"


def build_token(cast: Cast) -> str:
    return f"{build_tokens(cast)}{ApiToken.objects.latest('pk').pk}/change/"


def build_event(cast: Cast) -> str:
    return f"/admin/sessions_app/event/{build_conference(cast)[0].event_id}/change/"


def build_session(cast: Cast) -> str:
    return f"/admin/sessions_app/session/{build_conference(cast)[0].pk}/change/"


def with_conference(path: str) -> Build:
    def build(cast: Cast) -> str:
        build_conference(cast)
        return path

    return build


def build_system(cast: Cast) -> str:
    """Two dead letters, one of them hostile."""
    with connect() as client:
        for data in (b'{"sessionId": 7}', b"<script>alert(1)</script>"):
            letter = DeadLetter(keys.CHAT_MESSAGE, b"1-1", Fault.WRONG_SHAPE, "No session", data)
            set_aside(client, [letter])
    return "/admin/system/"


def user_page(path: str) -> Build:
    return lambda cast: f"/admin/auth/user/{cast.alice.pk}/{path}"


def add_token(page: Page) -> None:
    page.get_by_label("Name").fill("Event platform")
    with page.expect_navigation():
        page.get_by_role("button", name="Save", exact=True).click()


def fail_login(page: Page) -> None:
    page.locator("[name=username]").fill("admin")
    page.locator("[name=password]").fill("not theirs")
    with page.expect_navigation():
        page.locator("[type=submit]").click()


def choose_rows(page: Page) -> None:
    """Selects three rows."""
    for place in range(3):
        page.locator("tr input.action-select").nth(place).check()


def wait_for_chart(page: Page) -> None:
    page.wait_for_selector("#anomaly-chart[data-drawn]")


def admin_scene(name: str, build: Build, **options: object) -> Scene:
    return Scene(f"admin-{name}", build, **{"user": "admin", **options})


ADMIN_SCENES = (
    admin_scene("login", at("/admin/login/"), user=""),
    admin_scene("login-failed", at("/admin/login/"), user="", act=fail_login, checked=False),
    admin_scene("index", with_conference("/admin/")),
    admin_scene("users", at("/admin/auth/user/")),
    admin_scene("user", user_page("change/")),
    admin_scene("user-add", at("/admin/auth/user/add/"), checked=False),
    admin_scene("password", user_page("password/"), checked=False),
    admin_scene("group-add", at("/admin/auth/group/add/"), checked=False),
    admin_scene("events", with_conference("/admin/sessions_app/event/")),
    admin_scene("event", build_event),
    admin_scene("sessions", with_conference("/admin/sessions_app/session/"), checked=False),
    admin_scene("session", build_session),
    admin_scene("anomalies", build_list, checked=False),
    admin_scene("anomalies-chosen", build_list, act=choose_rows),
    admin_scene("anomalies-empty", at(ANOMALIES), checked=False),
    admin_scene("anomaly", build_reviewed, act=wait_for_chart),
    admin_scene("anomaly-open", build_open, act=wait_for_chart, checked=False),
    admin_scene("anomaly-without-metrics", build_without_metrics, checked=False),
    admin_scene(
        "anomaly-read-only", build_readable, user="reader", act=wait_for_chart, checked=False
    ),
    admin_scene("system", build_system),
    admin_scene("tokens", build_tokens),
    admin_scene("token", build_token),
    admin_scene("token-made", at("/admin/dashboard/apitoken/add/"), act=add_token),
)
