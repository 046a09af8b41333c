"""Accounts in the admin."""

import re
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from tests.factories import (
    make_anomaly,
    make_event,
    make_notice,
    make_session,
    make_user,
)

pytestmark = pytest.mark.django_db


def summary(page: str) -> set[str]:
    return set(re.findall(r"<li>([A-Z][\w ]+: [\w ,]+)</li>", page))


def test_a_user_is_deleted_in_the_same_way(admin_client: Client) -> None:
    user = make_user("alice")
    event = make_event("Conference", user)
    anomaly = make_anomaly(
        make_notice(make_session(event, "Talk")),
        acknowledged_by=user,
        acknowledged_at=timezone.now() - timedelta(hours=1),
    )
    address = reverse("admin:auth_user_delete", args=[user.pk])
    assert summary(admin_client.get(address).content.decode()) == {"Users: 1"}
    admin_client.post(address, {"post": "yes"})
    assert not User.objects.filter(username="alice").exists()
    anomaly.refresh_from_db()
    assert (anomaly.acknowledged_by, event.organizers.count()) == (None, 0)
