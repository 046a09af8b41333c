"""Whatever stands in an address, a header or a form, it is no error of ours."""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.test import Client

from dashboard.models import ApiToken
from tests.dashboard.access import ROWS
from tests.dashboard.api.described import make_token
from tests.dashboard.conftest import logged_in
from tests.factories import Cast, make_anomaly, make_notice

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("redis_client")]

# Percent-encoded, as in an address or a form: NUL, half a surrogate, too much of it, no number that
# any column has, a NUL and a surrogate in UTF-7.
POISON = ["a%00b", "%ED%A0%80", "9" * 40, "9" * 5_000, "%2BAAA-"]
PARAMETERS = ("q", "event", "page", "p", "o", "all", "range", "from", "to", "limit", "cursor", "id")
MORE = ("state", "date", "before", "next", "term", "_to_field", "_popup", "_changelist_filters")
HEADERS = [
    "accept",
    "accept-language",
    "authorization",
    "content-length",
    "content-type",
    "cookie",
    "host",
    "if-none-match",
    "if-modified-since",
    "origin",
    "range",
    "referer",
    "user-agent",
    "x-csrftoken",
    "x-forwarded-for",
    "x-forwarded-proto",
    "x-requested-with",
]


@pytest.fixture
def things(cast: Cast) -> SimpleNamespace:
    secret = make_token("all", all_events=True, can_write=True)
    return SimpleNamespace(
        session=cast.session,
        alice=cast.alice,
        anomaly=make_anomaly(make_notice(cast.session)),
        group=Group.objects.create(name="Reviewers"),
        token=ApiToken.objects.get(),
        secret=secret,
    )


def tolerant(client: Client) -> Client:
    client.raise_request_exception = False
    return client


def wrong(answers: Iterator[tuple[str, Any]]) -> list[str]:
    return [f"{asked}: {got.status_code}" for asked, got in answers if got.status_code >= 500]


def paths(things: SimpleNamespace) -> list[str]:
    return sorted(
        row.path.format(**vars(things))
        for route, row in ROWS.items()
        if row.method == "get" and "logout" not in route
    )


@pytest.mark.parametrize("poison", POISON, ids=lambda poison: poison[:12])
def test_no_query(cast: Cast, things: SimpleNamespace, poison: str) -> None:
    admin = tolerant(logged_in(cast.admin))
    bearer = {"authorization": f"Bearer {things.secret}"}

    def ask() -> Iterator[tuple[str, Any]]:
        query = "&".join(f"{name}={poison}" for name in (*PARAMETERS, *MORE))
        for path in paths(things):
            plain = path.partition("?")[0]
            headers = bearer if path.startswith("/api/") else {}
            yield plain, admin.get(f"{plain}?{query}", headers=headers)
            for name in ("q", "range", "from", "limit", "id", "page", "event"):
                address = f"{plain}?{name}={poison}"
                if path.startswith("/api/") or name in ("q", "range"):
                    yield address[:80], admin.get(address, headers=headers)

    assert wrong(ask()) == []


@pytest.mark.parametrize("poison", POISON, ids=lambda poison: poison[:12])
def test_no_part_of_a_path(cast: Cast, things: SimpleNamespace, poison: str) -> None:
    admin = tolerant(logged_in(cast.admin))
    bearer = {"authorization": f"Bearer {things.secret}"}
    keys = {str(value.pk) for name, value in vars(things).items() if hasattr(value, "pk")}

    def ask() -> Iterator[tuple[str, Any]]:
        for path in paths(things):
            parts = path.partition("?")[0].split("/")
            for place, part in enumerate(parts):
                if part in keys or part == things.session.external_id:
                    other = "/".join((*parts[:place], poison, *parts[place + 1 :]))
                    headers = bearer if path.startswith("/api/") else {}
                    yield other[:80], admin.get(other, headers=headers)
        for path in (
            f"/{poison}",
            f"/sessions/{poison}/",
            f"/static/{poison}",
            f"/admin/{poison}/",
        ):
            yield path[:80], admin.get(path)
        yield "acknowledge", admin.post(f"/anomalies/{poison}/acknowledge/")

    assert wrong(ask()) == []


@pytest.mark.parametrize("poison", ["a\0b", "9" * 5_000, "-1"])
def test_no_field_of_a_form(cast: Cast, things: SimpleNamespace, poison: str) -> None:
    admin = tolerant(logged_in(cast.admin))
    names = ("action", "_selected_action", "select_across", "index", "note", "judge", "verdict")
    more = ("title", "name", "external_id", "event", "organizers", "events", "username", "password")
    pauses = {"pauses-TOTAL_FORMS": "1", "pauses-INITIAL_FORMS": "0", "pauses-0-note": poison}
    forms = [dict.fromkeys((*names, *more), poison), pauses | {"title": poison}]
    for name in ("acknowledge", "confirm", "call_false_alarm", "delete_selected", "begin_breaks"):
        forms.append({"action": name, "_selected_action": poison, "note": poison})
        forms.append({"action": name, "_selected_action": str(things.anomaly.pk), "note": poison})
    forms.append({"judge": f"CONFIRMED:{things.anomaly.pk}", "note": poison})
    forms.append({"verdict_note": poison, "verdict": "CONFIRMED"})

    def ask() -> Iterator[tuple[str, Any]]:
        for path in paths(things):
            if not path.startswith(("/admin/", "/login/")):
                continue
            for number, form in enumerate(forms):
                yield f"{path} {number}", admin.post(path, form)

    assert wrong(ask()) == []


@pytest.mark.parametrize("header", HEADERS)
def test_no_header(cast: Cast, things: SimpleNamespace, header: str) -> None:
    admin = tolerant(logged_in(cast.admin))
    values = ["\xff\xfe", "x" * 8_000, "9" * 5_000, "Bearer \xff", "bytes=9-1,-", '"\\000"', "[::1"]
    api = f"/api/v1/sessions/{things.session.external_id}/"

    def ask() -> Iterator[tuple[str, Any]]:
        for value in values:
            for path in ("/", "/login/", "/admin/", "/health", "/metrics", api):
                yield f"{path} {value[:9]!r}", admin.get(path, headers={header: value})
                yield f"POST {path} {value[:9]!r}", admin.post(path, headers={header: value})

    assert wrong(ask()) == []
