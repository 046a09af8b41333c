"""Sessions in Django admin."""

import pytest
from django.test import Client
from django.urls import reverse

from sessions_app.models import Session
from tests.factories import make_event, make_session

pytestmark = pytest.mark.django_db


def test_a_session_can_be_made_before_the_platform_mentions_it(admin_client: Client) -> None:
    event = make_event("Conference")
    form = {"title": "Opening", "external_id": "talk-1", "event": event.pk}
    response = admin_client.post(reverse("admin:sessions_app_session_add"), form)
    assert response.status_code == 302
    session = Session.objects.get(external_id="talk-1")
    assert session.started_at == session.last_seen_at
    assert not session.is_over


def test_the_platforms_id_of_a_session_stays(admin_client: Client) -> None:
    session = make_session(make_event("Conference"), "talk-1")
    url = reverse("admin:sessions_app_session_change", args=[session.pk])
    before = session.external_id
    form = {"title": "Renamed", "external_id": "other", "event": session.event_id}
    admin_client.post(url, form)
    session.refresh_from_db()
    assert (session.title, session.external_id) == ("Renamed", before)
