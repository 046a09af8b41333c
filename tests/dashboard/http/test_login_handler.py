"""How attempts to log in are counted, and when they are refused."""

from datetime import timedelta
from typing import Any

import pytest
from axes.models import AccessAttempt
from django.test import Client
from django.utils import timezone

from tests.dashboard.http.test_logins import RIGHT, WRONG, log_in
from tests.factories import Cast

pytestmark = [
    pytest.mark.integration,
    pytest.mark.usefixtures("fast_passwords", "frozen_login_clock"),
]


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


def test_a_customer_has_one_try_with_all_his_addresses(cast: Cast) -> None:
    statuses = [
        log_in(WRONG, address=f"2001:db8:1:2:{number:x}::1").status_code for number in range(8)
    ]
    assert statuses == [200] * 4 + [429] * 4
    assert log_in(RIGHT, address="2001:db8:1:2::").status_code == 429
    assert log_in(RIGHT, address="2001:db8:1:3::1").status_code == 302


def test_an_address_is_the_same_however_it_is_written(cast: Cast) -> None:
    for _ in range(5):
        log_in(WRONG, address="::ffff:10.0.0.1")
    assert log_in(RIGHT, address="10.0.0.1").status_code == 429


@pytest.mark.parametrize("header", ["user-agent", "accept", "x-forwarded-for", "referer"])
@pytest.mark.parametrize("value", ["\xff" * 300, "9" * 5_000])
def test_no_header_keeps_a_failure_from_being_counted(
    cast: Cast, settings: Any, header: str, value: str
) -> None:
    settings.TRUSTED_PROXIES = 1
    client = Client(REMOTE_ADDR="10.0.0.1", headers={header: value})
    assert [client.post("/login/", WRONG).status_code for _ in range(5)] == [200] * 4 + [429]
