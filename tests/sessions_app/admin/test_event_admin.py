"""Events in Django admin: their IDs, stand-ins, and how they are deleted."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from sessions_app.events.blocks import Mention
from sessions_app.models import Event, Session
from sessions_app.scoring.detection_settings import DetectionSettings
from sessions_app.scoring.score import ScoreSettings
from sessions_app.storage.sessions import resolve_sessions
from tests.factories import (
    make_event,
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


def test_an_event_may_have_the_id_of_a_stand_in_but_not_of_an_event(admin_client: Client) -> None:
    stand_in("42")
    assert save(admin_client, None, external_id="42").status_code == 302
    assert Event.objects.real().get().external_id == "42"
    for event in (None, make_event("Other")):
        response = save(admin_client, event, external_id="42")
        errors = response.context["adminform"].form.errors
        assert errors == {"external_id": ["An event with this ID already exists."]}
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
