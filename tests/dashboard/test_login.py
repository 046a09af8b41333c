"""Logging in and out, and the headers of every page."""

import pytest
from django.test import Client
from django.urls import reverse

from dashboard.http.middleware import POLICY
from tests.dashboard.conftest import logged_in
from tests.factories import PASSWORD, Cast

pytestmark = pytest.mark.integration

RIGHT = {"username": "alice", "password": PASSWORD}


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


@pytest.mark.parametrize("path", ["/", "/sessions/{pk}/", "/missing/", "/admin/", "/healthz"])
def test_every_page_allows_only_what_this_site_serves(cast: Cast, path: str) -> None:
    response = logged_in(cast.admin).get(path.format(pk=cast.session.pk))
    assert response.headers["Content-Security-Policy"] == POLICY
    assert response.headers["X-Frame-Options"] == "DENY"
    assert response.headers["X-Content-Type-Options"] == "nosniff"


def test_the_policy_allows_nothing_inline() -> None:
    directives = dict(part.split(" ", 1) for part in POLICY.split("; "))
    assert directives["script-src"] == directives["style-src"] == "'self'"
    assert directives["default-src"] == directives["frame-ancestors"] == "'none'"
    assert "unsafe" not in POLICY


def test_the_icon_needs_no_login() -> None:
    response = Client().get("/favicon.ico")
    assert (response.status_code, response.url) == (302, "/static/img/mark.svg")
