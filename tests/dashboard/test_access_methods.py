"""What the table of access refuses stays refused whatever the method, and whoever forges it."""

from collections.abc import Iterator

import pytest
from django.contrib.auth.models import Permission
from django.test import Client

from tests.dashboard.access import LOGIN, NOBODY_MAY, REFUSED, ROLES, ROWS, UNKNOWN
from tests.dashboard.conftest import logged_in
from tests.dashboard.test_urls import answer, clients
from tests.factories import Cast, make_user

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("redis_client")]

METHODS = ("post", "head")
NOT_ALLOWED = 405
REFUSALS = {LOGIN, 401, REFUSED, UNKNOWN, NOT_ALLOWED}
# Logging out is for those who are logged in, and ends that.
ENDS_THE_LOGIN = {"logout/", "admin/logout/"}
# Whoever may see all of it, but may change nothing.
VIEWERS = {
    "event": "sessions_app",
    "session": "sessions_app",
    "anomaly": "anomalies_app",
    "user": "auth",
    "apitoken": "dashboard",
}


def refused_rows(role: str) -> Iterator[str]:
    """The routes at which a role gets nothing."""
    place = ROLES.index(role)
    for route, row in ROWS.items():
        if row.answers[place] in REFUSALS and route not in ENDS_THE_LOGIN:
            yield route


@pytest.mark.parametrize("role", ["nobody", "bob", "staff"])
def test_no_other_method_opens_what_is_refused(cast: Cast, role: str) -> None:
    by_role, things = clients(cast)
    opened = {}
    for route in refused_rows(role):
        for method in METHODS:
            got = answer(by_role[role], ROWS[route]._replace(method=method), things)
            if got not in REFUSALS:
                opened[route, method] = got
    assert opened == {}


def test_a_user_without_events_gets_what_an_organizer_of_others_gets(cast: Cast) -> None:
    _, things = clients(cast)
    charlie = logged_in(cast.charlie)
    place = ROLES.index("bob")
    for route, row in ROWS.items():
        if route not in ENDS_THE_LOGIN:
            assert answer(charlie, row, things) == row.answers[place], route


def test_nothing_is_posted_without_the_token_of_a_form(cast: Cast) -> None:
    """As another site would, with the cookies of an admin."""
    _, things = clients(cast)
    forger = Client(enforce_csrf_checks=True)
    forger.force_login(cast.admin)
    taken = {}
    for route, row in ROWS.items():
        if route.startswith("api/v1/"):
            continue  # it ignores cookies
        got = answer(forger, row._replace(method="post"), things)
        if got not in {REFUSED, UNKNOWN, NOT_ALLOWED}:
            taken[route] = got
    assert taken == {}


def test_whoever_may_look_may_not_change(cast: Cast) -> None:
    _, things = clients(cast)
    keys = {
        "event": things.session.event_id,
        "session": things.session.pk,
        "anomaly": things.anomaly.pk,
        "user": things.alice.pk,
        "apitoken": things.token.pk,
    }
    for model, app in VIEWERS.items():
        user = make_user(f"viewer of {model}", is_staff=True)
        wanted = {"codename": f"view_{model}", "content_type__app_label": app}
        user.user_permissions.add(Permission.objects.get(**wanted))
        viewer = logged_in(user)
        routes = [route for route in ROWS if f"/{model}/" in route]
        changing = [route for route in routes if route.endswith(("add/", "delete/", "change/"))]
        assert len(changing) == 3
        for route in changing:
            post = ROWS[route]._replace(method="post")
            assert answer(viewer, post, things) == REFUSED, route
        [listed] = [route for route in routes if route.endswith(f"/{model}/")]
        assert answer(viewer, ROWS[listed], things) == 200
        path = f"/{listed}"
        chosen = {"_selected_action": [str(keys[model])]}
        deleting = {"action": "delete_selected", **chosen, "post": "yes"}
        # Django's list says that there is no such action, and shows itself again.
        assert viewer.post(path, deleting).status_code in {200, 302, REFUSED}
    for thing in (things.session, things.anomaly, things.token, things.alice):
        thing.refresh_from_db()


def test_the_table_says_what_nobody_may(cast: Cast) -> None:
    by_role, things = clients(cast)
    for route in NOBODY_MAY:
        post = ROWS[route]._replace(method="post")
        assert answer(by_role["admin"], post, things) == REFUSED
