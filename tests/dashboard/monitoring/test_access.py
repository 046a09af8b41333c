"""Who may look inside: admins, and monitoring by its token."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import RequestFactory

from dashboard.monitoring.access import bearer_token, has_monitoring_token, may_see_details


@pytest.mark.parametrize(
    ("header", "is_ours"),
    [
        ("Bearer secret", True),
        ("bearer  secret", True),
        ("Bearer Secret", False),
        ("Bearer secret more", False),
        ("Basic secret", False),
        ("secret", False),
        ("", False),
    ],
)
def test_the_token_is_that_of_the_settings(settings: Any, header: str, is_ours: bool) -> None:
    settings.METRICS_TOKEN = "secret"
    request = RequestFactory().get("/metrics", headers={"authorization": header})
    assert has_monitoring_token(request) is is_ours
    settings.METRICS_TOKEN = ""
    assert has_monitoring_token(request) is False


def test_without_a_header_there_is_no_token(settings: Any) -> None:
    settings.METRICS_TOKEN = "None"
    request = RequestFactory().get("/metrics")
    assert bearer_token(request) is None
    assert has_monitoring_token(request) is False


@pytest.mark.parametrize("token", ["Bearer secret", "Bearer wrong"])
@pytest.mark.parametrize("is_admin", [True, False])
def test_admins_may_look_and_whoever_has_the_token(
    settings: Any, token: str, is_admin: bool
) -> None:
    settings.METRICS_TOKEN = "secret"
    request = RequestFactory().get("/metrics", headers={"authorization": token})
    request.user = User(is_superuser=is_admin)
    assert may_see_details(request) is (is_admin or token == "Bearer secret")
