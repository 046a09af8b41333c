"""Guessing passwords is slow; a login takes over no session and leads to no other site."""

from datetime import timedelta
from typing import Any

import pytest
from axes.models import AccessAttempt
from django.test import Client, RequestFactory
from django.utils import timezone

from dashboard.logins import client_address
from engagement_conductor import ports
from tests.dashboard.conftest import logged_in
from tests.factories import PASSWORD, Cast

pytestmark = pytest.mark.integration
RIGHT = {"username": "alice", "password": PASSWORD}
WRONG = {"username": "alice", "password": "wrong"}


def log_in(data: dict[str, str], path: str = "/login/", address: str = "10.0.0.1") -> Any:
    return Client(REMOTE_ADDR=address).post(path, data)


def lock(path: str = "/login/") -> Any:
    for _ in range(4):
        assert log_in(WRONG, path).status_code == 200
    return log_in(WRONG, path)


@pytest.mark.parametrize("path", ["/login/", "/admin/login/"])
def test_guessing_ends_after_a_few_attempts(cast: Cast, path: str) -> None:
    response = lock(path)
    assert response.status_code == 429
    assert "Too many attempts" in response.content.decode()
    assert log_in(RIGHT, path).status_code == 429


def test_nobody_locks_out_others(cast: Cast) -> None:
    lock()
    assert log_in(RIGHT, address="10.0.0.2").status_code == 302
    assert log_in({**RIGHT, "username": "bob"}).status_code == 302


def test_it_is_over_after_five_minutes_however_often_one_tries(cast: Cast) -> None:
    lock()
    log_in(WRONG)
    earlier = timezone.now() - timedelta(minutes=6)
    AccessAttempt.objects.update(attempt_time=earlier)
    assert log_in(RIGHT).status_code == 302
    assert not AccessAttempt.objects.exists()


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
