"""Events in Django admin: their IDs, stand-ins, and how they are deleted."""

import re
import tracemalloc
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from anomalies_app.models import Anomaly
from sessions_app.events.blocks import Mention
from sessions_app.models import EngagementMetric, Event, Session
from sessions_app.scoring.detection_settings import DetectionSettings
from sessions_app.scoring.score import ScoreSettings
from sessions_app.storage.sessions import resolve_sessions
from tests.factories import (
    make_anomaly,
    make_event,
    make_metrics,
    make_notice,
    make_session,
    make_user,
)

pytestmark = pytest.mark.django_db

LIST = reverse("admin:sessions_app_event_changelist")
SETTINGS = {
    name: value
    for name, value in (ScoreSettings().__dict__ | DetectionSettings().__dict__).items()
    if not name.startswith("mute_")
}


def stand_in(session_id: str) -> Event:
    resolve_sessions([Mention(session_id, None)], timezone.now())
    return Session.objects.select_related("event").get(external_id=session_id).event


def save(client: Client, event: Event | None, **fields: Any) -> Any:
    address = reverse("admin:sessions_app_event_add")
    if event is not None:
        address = reverse("admin:sessions_app_event_change", args=[event.pk])
    return client.post(address, {**SETTINGS, "title": "Conference", **fields})


def titles(client: Client, query: str) -> set[str]:
    response = client.get(f"{LIST}?{query}")
    return {event.external_id for event in response.context["cl"].result_list}


def test_an_event_has_an_id_that_the_platform_can_name(admin_client: Client) -> None:
    response = save(admin_client, None, external_id="conference\x01")
    assert "external_id" in response.context["adminform"].form.errors
    event = make_event("Conference")
    assert save(admin_client, event, external_id="conference\x01").status_code == 200
    assert save(admin_client, event, external_id="konferenz ☕").status_code == 302
    Event.objects.update(external_id="from\x01before")
    event.refresh_from_db()
    renamed = save(admin_client, event, external_id=event.external_id, title="Renamed")
    assert renamed.status_code == 302, "what was stored before does not stop other changes"


def test_an_event_may_have_the_id_of_a_stand_in_but_not_of_an_event(admin_client: Client) -> None:
    stand_in("42")
    assert save(admin_client, None, external_id="42").status_code == 302
    assert Event.objects.real().get().external_id == "42"
    for event in (None, make_event("Other")):
        response = save(admin_client, event, external_id="42")
        errors = response.context["adminform"].form.errors
        assert errors == {"external_id": ["An event with this ID exists already."]}
    assert save(admin_client, Event.objects.real().get(external_id="42"), external_id="42")


def test_the_id_of_a_stand_in_is_its_sessions(admin_client: Client) -> None:
    event = stand_in("42")
    assert save(admin_client, event, external_id="other", is_stand_in="").status_code == 302
    event.refresh_from_db()
    assert (event.external_id, event.is_stand_in, event.title) == ("42", True, "Conference")


def test_stand_ins_are_shown_as_such_and_found(admin_client: Client) -> None:
    for name in ("42", "alone"):
        stand_in(name)
    make_event("Conference")
    Event.objects.create(external_id="42", title="Alice's")
    page = admin_client.get(LIST).content.decode()
    assert (
        "42 (stand-in)"
        in admin_client.get(
            reverse("admin:sessions_app_event_change", args=[stand_in("42").pk])
        ).content.decode()
    )
    assert "column-is_stand_in" in page
    assert titles(admin_client, "kind=stand-in") == {"42", "alone"}
    assert len(titles(admin_client, "kind=event")) == 2
    found = admin_client.get(f"{LIST}?kind=same").context["cl"].result_list
    assert [(event.external_id, event.is_stand_in) for event in found] == [("42", True)]
    assert len(titles(admin_client, "kind=nonsense")) == 3, "all of them"


def event_of(metrics: int) -> Event:
    event = make_event("Conference")
    session = make_session(event, "Talk")
    make_metrics(session, [0.5] * metrics)
    make_anomaly(make_notice(session))
    return event


def summary(page: str) -> set[str]:
    return set(re.findall(r"<li>([A-Z][\w ]+: [\w ,]+)</li>", page))


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
