"""Logging in and out: it takes over no session, leads to no other site, and says what is wrong."""

from typing import Any

import pytest
from axes.models import AccessAttempt
from django.test import Client, RequestFactory
from django.urls import reverse

from dashboard.http.logins import client_address, network_of
from engagement_conductor.local_stack import ports
from tests.dashboard.conftest import logged_in
from tests.factories import PASSWORD, Cast

pytestmark = [
    pytest.mark.integration,
    pytest.mark.usefixtures("fast_passwords", "frozen_login_clock"),
]
RIGHT = {"username": "alice", "password": PASSWORD}
WRONG = {"username": "alice", "password": "wrong"}


def log_in(data: dict[str, str], path: str = "/login/", address: str = "10.0.0.1") -> Any:
    return Client(REMOTE_ADDR=address).post(path, data)


def test_a_password_is_nowhere_stored(cast: Cast) -> None:
    log_in({**WRONG, "password": "hunter2hunter2"})
    assert "hunter2" not in str(list(AccessAttempt.objects.values()))


def test_no_login_needs_redis(cast: Cast, settings: Any) -> None:
    settings.REDIS_URL = f"redis://127.0.0.1:{ports.find_free()}"
    assert log_in(WRONG).status_code == 200
    assert log_in(RIGHT).status_code == 302


@pytest.mark.parametrize(
    ("proxies", "forwarded", "expected"),
    [
        (0, "1.1.1.1", "10.0.0.1"),
        (1, "6.6.6.6, 1.1.1.1", "1.1.1.1"),
        (2, "6.6.6.6, 1.1.1.1, 10.9.9.9", "1.1.1.1"),
        (2, "1.1.1.1", "10.0.0.1"),
        (1, "", "10.0.0.1"),
        (1, "nonsense", "10.0.0.1"),
        (1, "2001:db8::1", "2001:db8::1"),
    ],
)
def test_only_our_own_proxies_say_where_one_comes_from(
    settings: Any, proxies: int, forwarded: str, expected: str
) -> None:
    settings.TRUSTED_PROXIES = proxies
    request = RequestFactory(REMOTE_ADDR="10.0.0.1").get(
        "/", headers={"x-forwarded-for": forwarded}
    )
    assert client_address(request) == expected


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("10.0.0.1", "10.0.0.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("2001:DB8:1:2::", "2001:db8:1:2::"),
        ("::ffff:10.0.0.1", "10.0.0.1"),
        ("::ffff:a00:1", "10.0.0.1"),
        ("fe80::1%eth0", "fe80::"),
        ("::1", "::"),
        ("", ""),
        ("nonsense", "nonsense"),
    ],
)
def test_a_network_is_what_a_customer_has(address: str, network: str) -> None:
    assert network_of(address) == network


def test_a_login_takes_over_no_session(cast: Cast) -> None:
    """A session that somebody else has planted in the browser is left behind."""
    planted = logged_in(cast.bob)
    before = planted.cookies["engagement_session"].value
    planted.post("/logout/")
    planted.cookies["engagement_session"] = before
    planted.post("/login/", RIGHT)
    assert planted.cookies["engagement_session"].value != before
    old = Client()
    old.cookies["engagement_session"] = before
    assert old.get("/").status_code == 302


def test_the_cookie_of_a_login_is_out_of_reach(cast: Cast) -> None:
    cookie = log_in(RIGHT).cookies["engagement_session"]
    assert cookie["httponly"]
    assert cookie["samesite"] == "Lax"


@pytest.mark.parametrize("path", ["/login/", "/admin/login/"])
@pytest.mark.parametrize(
    "target",
    [
        "https://example.org/",
        "//example.org/",
        r"\\example.org",
        "/\\example.org",
        "javascript:alert(1)",
        "http:///example.org",
        " https://example.org",
    ],
)
def test_a_login_leads_to_no_other_site(cast: Cast, path: str, target: str) -> None:
    response = log_in({"username": "admin", "password": PASSWORD, "next": target}, path)
    assert response.status_code == 302
    assert response.url == "/"


def test_login_leads_to_the_overview(cast: Cast) -> None:
    client = Client(enforce_csrf_checks=True)
    client.get(reverse("login"))
    token = {"csrfmiddlewaretoken": client.cookies["engagement_csrf"].value}
    response = client.post(reverse("login"), {**RIGHT, **token})
    assert (response.status_code, response.url) == (302, "/")
    assert client.get("/").status_code == 200


def test_login_leads_back_to_the_page_that_was_asked_for(cast: Cast) -> None:
    path = f"/sessions/{cast.session.pk}/"
    response = Client().post(f"/login/?next={path}", {**RIGHT, "next": path})
    assert response.url == path


def test_login_leads_to_no_other_site(cast: Cast) -> None:
    response = Client().post("/login/", {**RIGHT, "next": "https://example.org/"})
    assert response.url == "/"


def test_a_wrong_password_is_refused_in_words(cast: Cast) -> None:
    client = Client()
    response = client.post("/login/", {**RIGHT, "password": "wrong"})
    assert 'role="alert"' in response.content.decode()
    assert client.get("/").status_code == 302


def test_login_takes_the_name_back_as_text(cast: Cast) -> None:
    response = Client().post("/login/", {"username": '"><script>', "password": "wrong"})
    assert '"><script>' not in response.content.decode()


@pytest.mark.parametrize("path", ["/login/", "/admin/login/"])
@pytest.mark.parametrize("name", ["u" * 256, "u" * 20_000, "a\0b"])
def test_names_that_nobody_can_have_are_wrong_like_others(cast: Cast, path: str, name: str) -> None:
    response = Client().post(path, {"username": name, "password": "wrong"})
    assert response.status_code == 200
    assert "error" in response.content.decode().lower() or 'role="alert"' in str(response.content)


def test_login_needs_the_token_of_its_form(cast: Cast) -> None:
    assert Client(enforce_csrf_checks=True).post("/login/", RIGHT).status_code == 403


def test_logout_is_by_post_only(cast: Cast) -> None:
    client = logged_in(cast.alice)
    assert client.get("/logout/").status_code == 405
    assert client.get("/").status_code == 200
    response = client.post("/logout/")
    assert (response.status_code, response.url) == (302, "/login/")
    assert client.get("/").status_code == 302


def test_who_is_logged_in_is_not_asked_again(cast: Cast) -> None:
    assert logged_in(cast.alice).get("/login/").url == "/"
