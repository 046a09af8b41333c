"""What every answer has, errors included, and what no address, host or cookie can do."""

from typing import Any

import pytest
from django.test import Client
from django.urls import get_resolver

from dashboard.http.middleware import POLICY
from dashboard.pages import overview_views
from tests.dashboard.conftest import logged_in
from tests.dashboard.http.test_login_handler import lock
from tests.dashboard.http.test_logins import RIGHT, log_in
from tests.dashboard.test_urls import routes
from tests.factories import PASSWORD, Cast

pytestmark = pytest.mark.integration

HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}


def assert_hardened(response: Any, status: int) -> None:
    assert response.status_code == status
    assert {name: response.headers.get(name) for name in HEADERS} == HEADERS


def test_errors_have_the_headers_of_pages(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    alice = logged_in(cast.alice)
    assert_hardened(alice.get("/missing/"), 404)
    assert_hardened(alice.get("/logout/"), 405)
    assert_hardened(alice.get("/", headers={"host": "evil.example"}), 400)
    assert_hardened(Client(enforce_csrf_checks=True).post("/login/", RIGHT), 403)
    assert_hardened(lock(), 429)
    assert_hardened(alice.get(f"/sessions/{cast.session.pk}/history/?range=ever"), 400)
    assert_hardened(Client().get("/api/v1/sessions/"), 401)

    def fail(user: Any) -> Any:
        raise RuntimeError("secret of the database")

    monkeypatch.setattr(overview_views, "snapshot", fail)
    alice.raise_request_exception = False
    response = alice.get("/")
    assert_hardened(response, 500)
    assert "secret" not in response.content.decode()


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost.evil.example", "localhost@evil.example", "a b", "[::1"]
)
def test_other_hosts_are_refused(cast: Cast, host: str) -> None:
    response = Client().post("/login/", RIGHT, headers={"host": host})
    assert response.status_code == 400
    assert "evil" not in response.content.decode()


def test_a_forwarded_host_is_not_believed(cast: Cast) -> None:
    response = Client().get("/", headers={"x-forwarded-host": "evil.example"})
    assert response.url == "/login/?next=/"


@pytest.mark.parametrize(
    "target",
    [
        "%2F%2Fexample.org/",
        "https:example.org",
        "https:/example.org",
        "///example.org",
        "/\t/example.org",
        "\x01//example.org",
        "//example.org\\@localhost/",
        "http://localhost@example.org/",
        "JaVaScRiPt:alert(1)",
        "data:text/html,x",
        "//localhost:1/",
    ],
)
def test_neither_login_nor_logout_leads_elsewhere(cast: Cast, target: str) -> None:
    response = log_in({"username": "admin", "password": PASSWORD, "next": target})
    # The first is the name of a page here, however odd.
    assert response.url in {"/", target} - {target if target[0] != "%" else ""}
    alice = logged_in(cast.alice)
    assert alice.post("/logout/", {"next": target}).url in {"/login/", "%2F%2Fexample.org/"}


def test_a_redirect_to_a_strange_name_stays_here(cast: Cast) -> None:
    """Addresses that begin like another host are asked for and sent on with a slash."""
    for path in ("//example.org/..", "/\\example.org", "//example.org"):
        response = Client().get(path)
        location = response.headers.get("Location", "/login/")
        assert location.startswith("/login/"), (path, location)


@pytest.mark.parametrize(
    "path",
    [
        "/static/../engagement_conductor/settings.py",
        "/static/%2e%2e/manage.py",
        "/static/..%2fmanage.py",
        "/static/..\\manage.py",
        "/static//etc/passwd",
        "/static/css/../../../../../../etc/passwd",
        "/static/css/\x00base.css",
        "/.env",
        "/../manage.py",
    ],
)
def test_files_beside_the_static_ones_are_out_of_reach(cast: Cast, path: str) -> None:
    response = logged_in(cast.admin).get(path)
    assert response.status_code in {400, 404}


def test_cookies_are_out_of_reach_of_scripts_and_other_sites(cast: Cast) -> None:
    client = Client()
    client.get("/login/")
    client.post("/login/", RIGHT)
    found = {
        name: (cookie["httponly"], cookie["samesite"]) for name, cookie in client.cookies.items()
    }
    assert found["engagement_session"] == (True, "Lax")
    assert found["engagement_csrf"][1] == "Lax"
    assert set(found) == {"engagement_session", "engagement_csrf"}


def test_a_new_password_ends_all_other_logins(cast: Cast) -> None:
    here, elsewhere = logged_in(cast.admin), logged_in(cast.admin)
    new = "a much better horse"
    data = {"old_password": PASSWORD, "new_password1": new, "new_password2": new}
    assert here.post("/admin/password_change/", data).status_code == 302
    assert here.get("/").status_code == 200
    assert elsewhere.get("/").status_code == 302


def test_nobody_resets_a_password_by_mail() -> None:
    assert [route for route in routes(get_resolver()) if "reset" in route] == []


@pytest.mark.parametrize("name", ["alice", "nobody who exists"])
def test_a_login_does_not_tell_who_exists(cast: Cast, name: str) -> None:
    page = log_in({"username": name, "password": "wrong"}).content.decode()
    assert "Wrong username or password" in page
    assert page.count('role="alert"') == 1


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
