"""Sessions in Django admin."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from sessions_app.models import Session
from tests.factories import make_event, make_session, make_user

pytestmark = pytest.mark.django_db

NO_PAUSES = {"pauses-TOTAL_FORMS": 0, "pauses-INITIAL_FORMS": 0}


def test_a_session_can_be_made_before_the_platform_mentions_it(admin_client: Client) -> None:
    event = make_event("Conference")
    form = {"title": "Opening", "external_id": "talk-1", "event": event.pk, **NO_PAUSES}
    response = admin_client.post(reverse("admin:sessions_app_session_add"), form)
    assert response.status_code == 302
    session = Session.objects.get(external_id="talk-1")
    assert session.started_at == session.last_seen_at
    assert not session.is_over


def post_form(client: Client, session: Session, was: Any, becomes: Any) -> Any:
    """Saves the form of a session whose end was ``was`` when it was opened."""
    url = reverse("admin:sessions_app_session_change", args=[session.pk])
    form = {"title": "Renamed", "event": session.event_id, **NO_PAUSES}
    for prefix, time in (("initial-", was), ("", becomes)):
        form[f"{prefix}ended_at_0"] = f"{time:%Y-%m-%d}" if time else ""
        form[f"{prefix}ended_at_1"] = f"{time:%H:%M:%S}" if time else ""
    return client.post(url, form)


def started_an_hour_ago(**fields: Any) -> Session:
    started_at = timezone.now() - timedelta(hours=1)
    return make_session(make_event("Conference"), "talk-1", started_at=started_at, **fields)


def test_the_end_of_a_session_can_be_set_and_cleared(admin_client: Client) -> None:
    session = started_an_hour_ago()
    ended_at = (timezone.now() - timedelta(minutes=2)).replace(microsecond=0)
    assert post_form(admin_client, session, None, ended_at).status_code == 302
    session.refresh_from_db()
    assert session.ended_at == ended_at
    Session.objects.update(last_seen_at=session.started_at)
    assert post_form(admin_client, session, ended_at, None).status_code == 302
    session.refresh_from_db()
    assert session.ended_at is None
    assert session.last_seen_at > ended_at, "its half hour of silence begins anew"


def test_a_form_from_before_the_end_does_not_open_the_session_again(admin_client: Client) -> None:
    ended_at = timezone.now() - timedelta(minutes=1)
    session = started_an_hour_ago(ended_at=ended_at)
    assert post_form(admin_client, session, None, None).status_code == 302
    session.refresh_from_db()
    assert (session.title, session.ended_at) == ("Renamed", ended_at)


def test_an_end_that_cannot_be_is_refused(admin_client: Client) -> None:
    session = started_an_hour_ago()
    for hours in (-2, 1):
        ended_at = timezone.now() + timedelta(hours=hours)
        page = post_form(admin_client, session, None, ended_at).content.decode()
        assert "Must not be" in page
    session.refresh_from_db()
    assert session.ended_at is None


def act(client: Client, action: str, *sessions: Session) -> None:
    form = {"action": action, "_selected_action": [session.pk for session in sessions]}
    url = reverse("admin:sessions_app_session_changelist")
    assert client.post(url, form).status_code == 302


def test_ending_sessions_leaves_those_alone_that_are_over(admin_client: Client) -> None:
    over = timezone.now() - timedelta(minutes=9)
    live, ended = started_an_hour_ago(), started_an_hour_ago(ended_at=over)
    act(admin_client, "end_sessions", live, ended)
    live.refresh_from_db()
    ended.refresh_from_db()
    assert live.is_over
    assert live.edited_at == pytest.approx(timezone.now(), abs=timedelta(minutes=1))
    assert ended.ended_at == over
    records = LogEntry.objects.values_list("object_id", "change_message")
    assert list(records) == [(str(live.pk), "Ended.")]
    act(admin_client, "open_sessions", live)
    live.refresh_from_db()
    assert not live.is_over


def test_who_may_only_look_ends_nothing(client: Client) -> None:
    session = started_an_hour_ago()
    viewer = make_user("viewer", is_staff=True)
    viewer.user_permissions.add(
        Permission.objects.get(
            codename="view_session", content_type__app_label=Session._meta.app_label
        )
    )
    client.force_login(viewer)
    form = {"action": "end_sessions", "_selected_action": [session.pk]}
    client.post(reverse("admin:sessions_app_session_changelist"), form)
    session.refresh_from_db()
    assert not session.is_over
