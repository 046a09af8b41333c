"""Deletion in the admin says how much goes along, and does it."""

import tracemalloc
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from anomalies_app.models import Anomaly
from sessions_app.models import EngagementMetric, Event, Session
from tests.factories import (
    make_anomaly,
    make_event,
    make_metrics,
    make_notice,
    make_session,
    make_user,
)
from tests.sessions_app.admin.test_account_admin import summary
from tests.sessions_app.admin.test_event_admin import LIST

pytestmark = pytest.mark.django_db


def event_of(metrics: int) -> Event:
    event = make_event("Conference")
    session = make_session(event, "Talk")
    make_metrics(session, [0.5] * metrics)
    make_anomaly(make_notice(session))
    return event


def deletion_pages(event: Event) -> list[tuple[str, dict[str, Any]]]:
    """The page of an object, and the action for many: address and form."""
    chosen = {"action": "delete_selected", "_selected_action": event.pk}
    return [(reverse("admin:sessions_app_event_delete", args=[event.pk]), {}), (LIST, chosen)]


@pytest.mark.parametrize("page", [0, 1])
def test_deleting_an_event_says_how_much_goes_and_does_it(admin_client: Client, page: int) -> None:
    event, other = event_of(1_200), event_of(5)
    address, form = deletion_pages(event)[page]
    asked = admin_client.post(address, form) if form else admin_client.get(address)
    assert summary(asked.content.decode()) == {
        "Events: 1",
        "Sessions: 1",
        "Engagement metrics: 1,200",
        "Anomalies: 1",
    }
    assert admin_client.post(address, {**form, "post": "yes"}).status_code == 302
    assert Event.objects.get() == other
    assert (EngagementMetric.objects.count(), Anomaly.objects.count()) == (5, 1)
    assert LogEntry.objects.get().object_repr == "Conference"


@pytest.mark.parametrize("page", [0, 1])
def test_asking_costs_the_same_however_many_rows_there_are(admin_client: Client, page: int) -> None:
    sizes = []
    for metrics in (3, 3_000):
        address, form = deletion_pages(event_of(metrics))[page]
        admin_client.get(LIST)
        tracemalloc.start()
        with CaptureQueriesContext(connection) as captured:
            asked = admin_client.post(address, form) if form else admin_client.get(address)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        sizes.append((len(captured), len(asked.content), peak))
    few, many = sizes
    assert many[0] == few[0]
    assert abs(many[1] - few[1]) < 100
    assert many[2] < few[2] + 500_000, "3,000 rows as objects are several megabytes"


def test_of_many_chosen_events_a_hundred_are_named(admin_client: Client) -> None:
    for number in range(105):
        make_event(f"Event {number}")
    form = {"action": "delete_selected", "select_across": "1", "index": "0"}
    form |= {"_selected_action": Event.objects.first().pk}
    page = admin_client.post(LIST, form).content.decode()
    assert "and 5 more" in page
    assert "Events: 105" in summary(page)


def test_who_may_not_delete_what_goes_along_deletes_nothing(client: Client) -> None:
    event = event_of(3)
    deleter = make_user("deleter", is_staff=True)
    for codename in ("view_event", "delete_event", "delete_anomaly"):
        deleter.user_permissions.add(Permission.objects.get(codename=codename))
    client.force_login(deleter)
    for address, form in deletion_pages(event):
        page = client.post(address, form) if form else client.get(address)
        assert "session" in page.context["perms_lacking"]
        assert client.post(address, {**form, "post": "yes"}).status_code == 403
    assert Event.objects.exists()
    permission = Permission.objects.filter(
        codename="delete_session", content_type__app_label="sessions_app"
    )
    deleter.user_permissions.add(permission.get())
    address, form = deletion_pages(event)[0]
    assert client.post(address, {"post": "yes"}).status_code == 302
    assert not Event.objects.exists()


def test_a_session_is_deleted_in_the_same_way(admin_client: Client) -> None:
    session = make_session(make_event("Conference"), "Talk")
    make_metrics(session, [0.5] * 20)
    address = reverse("admin:sessions_app_session_delete", args=[session.pk])
    assert summary(admin_client.get(address).content.decode()) == {
        "Sessions: 1",
        "Engagement metrics: 20",
    }
    admin_client.post(address, {"post": "yes"})
    assert not Session.objects.exists()
    assert not EngagementMetric.objects.exists()
