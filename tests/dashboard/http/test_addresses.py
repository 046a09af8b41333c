"""Whatever stands in an address, a header or a form, it is no error of ours."""

import json
from collections.abc import Callable, Iterator
from http import HTTPStatus
from types import SimpleNamespace
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group
from django.contrib.contenttypes.models import ContentType
from django.db.models import DateField
from django.test import Client

from anomalies_app.models import Anomaly
from dashboard.http import addresses
from dashboard.http.losses import losses
from dashboard.models import ApiToken
from sessions_app.admin.session_admin import SessionAdmin
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

LISTS = {
    f"/admin/{model._meta.app_label}/{model._meta.model_name}/": model
    for model in admin.site._registry
}
BEFORE_ALL_TIME = "0001-01-01T00:00%2B14:00"


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
                is_page = plain in LISTS or not plain.startswith("/admin/")
                if path.startswith("/api/") or (is_page and name in ("q", "range")):
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
    names = ("action", "_selected_action", "select_across", "index", "note", "review", "verdict")
    more = ("title", "name", "external_id", "event", "organizers", "events", "username", "password")
    pauses = {"pauses-TOTAL_FORMS": "1", "pauses-INITIAL_FORMS": "0", "pauses-0-note": poison}
    forms = [dict.fromkeys((*names, *more), poison), pauses | {"title": poison}]
    forms.append({"verdict_note": poison, "verdict": "CONFIRMED"})
    of_lists = [{"review": f"CONFIRMED:{things.anomaly.pk}", "note": poison}]
    for name in ("acknowledge", "confirm", "call_false_alarm", "delete_selected", "begin_breaks"):
        of_lists += [
            {"action": name, "_selected_action": key, "note": poison}
            for key in (poison, str(things.anomaly.pk))
        ]

    def ask() -> Iterator[tuple[str, Any]]:
        for path in paths(things):
            if path.startswith(("/admin/", "/login/")):
                fitting = forms + of_lists if path in LISTS else forms
                for number, form in enumerate(fitting):
                    yield f"{path} {number}", admin.post(path, form)

    assert wrong(ask()) == []


def is_in_a_form(field: Any) -> bool:
    return bool(field.editable)


def odd_addresses() -> Iterator[str]:
    """Filters of each list, and fields of a new row, with values that they cannot have."""
    for page, model in LISTS.items():
        fields = (*model._meta.fields, *model._meta.many_to_many)
        # Of each kind one, if possible one that a form has.
        for field in {type(each): each for each in sorted(fields, key=is_in_a_form)}.values():
            yield f"{page}?{field.name}=abc"
            if isinstance(field, DateField):
                yield from (f"{page}?{field.name}__year={year}" for year in (99999, -1, "abc"))
                yield f"{page}?{field.name}__gte={BEFORE_ALL_TIME}"
                yield f"{page}add/?{field.name}={BEFORE_ALL_TIME}"
            if field.editable:
                yield from (f"{page}add/?{field.name}={value}" for value in ("abc", "9" * 40))


def test_no_value_that_a_field_cannot_have(cast: Cast, things: SimpleNamespace) -> None:
    browser = tolerant(logged_in(cast.admin))
    assert wrong((path[:90], browser.get(path)) for path in odd_addresses()) == []
    kind = ContentType.objects.get_for_model(Anomaly).pk
    assert browser.get(f"/admin/r/{kind}/x/").status_code == HTTPStatus.BAD_REQUEST
    forms = {
        f"/admin/sessions_app/session/{things.session.pk}/change/": {"event": "abc"},
        "/admin/sessions_app/session/add/": {"event": "abc", "ended_at_0": "abc"},
        "/admin/sessions_app/event/add/": {"organizers": "abc"},
        "/admin/dashboard/apitoken/add/": {"events": "abc"},
        "/admin/auth/group/add/": {"permissions": "abc"},
        "/admin/auth/user/add/": {"usable_password": "abc"},
    }
    assert wrong((path, browser.post(path, form)) for path, form in forms.items()) == []


@pytest.fixture
def failing(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], Any]], Any]:
    """Answers of a page of the admin in which our own code does something."""

    def ask(what: Callable[[], Any]) -> Any:
        monkeypatch.setattr(addresses, "OUR_PACKAGES", frozenset({"tests"}))
        monkeypatch.setattr(SessionAdmin, "get_fields", lambda *_, **__: what())
        return tolerant(logged_in(cast.admin)).get("/admin/sessions_app/session/add/")

    return ask


def raise_ours() -> None:
    raise ValueError("a fault of ours")


def test_a_fault_of_our_own_is_no_bad_request(failing: Any) -> None:
    assert failing(raise_ours).status_code == HTTPStatus.INTERNAL_SERVER_ERROR


def test_what_fails_below_our_own_code_is_logged_as_a_fault(
    failing: Any, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(2):
        assert failing(lambda: json.loads("{")).status_code == HTTPStatus.BAD_REQUEST
    faults = [record for record in caplog.records if record.name == "dashboard.http.addresses"]
    assert [bool(record.exc_info) for record in faults] == [True]


def test_what_cannot_be_is_counted_and_logged_once_a_minute(
    cast: Cast, caplog: pytest.LogCaptureFixture
) -> None:
    losses.take()
    for _ in range(3):
        answer = logged_in(cast.admin).post("/admin/auth/user/add/?q=%00")
        assert answer.status_code == HTTPStatus.BAD_REQUEST
    assert losses.take() == {"refused_requests:unreadable": 3}
    assert len([record for record in caplog.records if record.name == "dashboard.http.losses"]) == 1


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
