"""Every address and socket, tried as everybody: as the table of access has it, and no other."""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import Group
from django.test import Client
from django.urls import URLResolver, get_resolver

from dashboard.live.routing import websocket_urlpatterns
from dashboard.models import ApiToken
from tests.dashboard import access
from tests.dashboard.access import LOGIN, ROLES, ROWS, SOCKETS
from tests.dashboard.conftest import logged_in
from tests.dashboard.sockets import refused
from tests.factories import Cast, make_anomaly, make_notice, make_user

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("redis_client")]
HINT = "say in tests/dashboard/access.py who may open it"


def routes(resolver: URLResolver, prefix: str = "") -> Iterator[str]:
    for pattern in resolver.url_patterns:
        route = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from routes(pattern, route)
        else:
            yield route


def clients(cast: Cast) -> tuple[dict[str, Client], SimpleNamespace]:
    """A client for each role, and what the addresses are made of."""
    secrets = {}
    for name, session in (("token", cast.session), ("foreign token", cast.bobs_session)):
        token, secrets[name] = ApiToken.objects.issue(name=name, can_write=True)
        token.events.add(session.event)
    staff = make_user("clerk", is_staff=True)
    things = SimpleNamespace(
        session=cast.session,
        alice=cast.alice,
        anomaly=make_anomaly(make_notice(cast.session)),
        group=Group.objects.create(name="Reviewers"),
        token=token,
    )
    found = {"nobody": Client(), "staff": logged_in(staff)}
    found |= {name: logged_in(getattr(cast, name)) for name in ("bob", "alice", "admin")}
    for name, secret in secrets.items():
        found[name] = Client(headers={"authorization": f"Bearer {secret}"})
    return found, things


def answer(client: Client, row: access.Row, things: SimpleNamespace) -> int | str:
    response = getattr(client, row.method)(row.path.format(**vars(things)))
    location = response.headers.get("Location", "")
    return LOGIN if location.startswith(("/login/", "/admin/login/")) else response.status_code


def test_each_address_has_its_row() -> None:
    found = set(routes(get_resolver()))
    assert sorted(found - set(ROWS)) == [], HINT
    assert sorted(set(ROWS) - found) == [], "no longer an address: remove its row"
    assert {str(pattern.pattern) for pattern in websocket_urlpatterns} == set(SOCKETS), HINT


def test_everybody_gets_what_the_table_says(cast: Cast) -> None:
    by_role, things = clients(cast)
    wrong = {}
    # What ends the login comes last.
    for route, row in sorted(ROWS.items(), key=lambda item: item[0] == "logout/"):
        got = tuple(answer(by_role[role], row, things) for role in ROLES)
        if got != row.answers:
            wrong[route] = f"{got} instead of {row.answers} for {ROLES}"
    assert wrong == {}


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("connections_closed")
async def test_sockets_open_for_those_whom_the_table_names(cast: Cast) -> None:
    staff = await sync_to_async(make_user)("clerk", is_staff=True)
    users: dict[str, Any] = {**vars(cast), "nobody": None, "staff": staff}
    for path, accepted in SOCKETS.values():
        for role, expected in zip(ROLES[:5], accepted, strict=True):
            is_refused = await refused(path.format(session=cast.session), users[role])
            assert is_refused is not expected, (path, role)


def test_the_icon_needs_no_login() -> None:
    response = Client().get("/favicon.ico")
    assert (response.status_code, response.url) == (302, "/static/img/mark.svg")
