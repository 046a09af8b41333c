"""IDs that the platform's events can have."""

import pytest
from django.test import Client
from django.urls import reverse

from sessions_app.models import Event, Session
from tests.factories import (
    make_event,
    make_session,
)
from tests.sessions_app.admin.test_event_admin import save
from tests.sessions_app.admin.test_session_admin import NO_PAUSES

pytestmark = pytest.mark.django_db


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


@pytest.mark.parametrize("odd", ["\x01", "\x7f", "\x85", "\n"])
def test_a_session_has_an_id_that_the_platform_can_name(admin_client: Client, odd: str) -> None:
    event = make_event("Conference")
    form = {"title": "Opening", "external_id": f"talk{odd}1", "event": event.pk, **NO_PAUSES}
    response = admin_client.post(reverse("admin:sessions_app_session_add"), form)
    assert "external_id" in response.context["adminform"].form.errors
    assert not Session.objects.exists()


def test_the_platforms_id_of_a_session_stays(admin_client: Client) -> None:
    session = make_session(make_event("Conference"), "talk-1")
    url = reverse("admin:sessions_app_session_change", args=[session.pk])
    before = session.external_id
    form = {"title": "Renamed", "external_id": "other", "event": session.event_id}
    form |= NO_PAUSES
    admin_client.post(url, form)
    session.refresh_from_db()
    assert (session.title, session.external_id) == ("Renamed", before)
