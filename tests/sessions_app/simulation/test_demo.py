"""The demo's users, event and sessions; admins with random passwords."""

import re
from datetime import UTC, datetime
from io import StringIO

import pytest
from django.contrib.auth import get_user_model
from django.core.management import call_command

from sessions_app.models import Event, Session
from sessions_app.simulation import demo

pytestmark = [pytest.mark.django_db, pytest.mark.integration]

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)


def printed(*arguments: str, **options: object) -> list[str]:
    output = StringIO()
    call_command(*arguments, stdout=output, **options)
    return output.getvalue().splitlines()


def password_of(line: str, role: str, name: str) -> str:
    match = re.fullmatch(rf"{role}: {re.escape(name)} (\S{{16,}})", line)
    assert match, line
    return match[1]


def demo_passwords() -> tuple[str, str]:
    organizer, admin = printed("create_demo_users")
    return (
        password_of(organizer, "organizer", "organizer"),
        password_of(admin, "admin", "admin"),
    )


def test_ensure_event_assigns_the_organizer_as_soon_as_there_is_one():
    assert not demo.ensure_event("demo-conference").organizers.exists()
    demo_passwords()
    get_user_model().objects.get(username="organizer").events.clear()
    event = demo.ensure_event("demo-conference")
    assert [user.username for user in event.organizers.all()] == ["organizer"]


def test_ensure_event_keeps_an_edited_event():
    Event.objects.create(external_id="demo-conference", title="My Title", chat_saturation=50)
    event = demo.ensure_event("demo-conference")
    assert (event.title, event.chat_saturation) == ("My Title", 50)


def test_ensure_session_titles_new_sessions_and_those_without_a_title():
    event = demo.ensure_event("demo-conference")
    Session.objects.create(
        external_id="b", event=event, title="b", started_at=NOW, last_seen_at=NOW
    )
    for external_id in ("a", "b"):
        demo.ensure_session(event, external_id, "A Talk", NOW)
        session = Session.objects.get(external_id=external_id)
        assert (session.title, session.event, session.started_at) == ("A Talk", event, NOW)


def test_ensure_session_keeps_an_edited_title():
    event = demo.ensure_event("demo-conference")
    demo.ensure_session(event, "a", "A Talk", NOW)
    Session.objects.update(title="Edited")
    assert demo.ensure_session(event, "a", "A Talk", NOW).title == "Edited"


def test_next_runs_goes_on_with_live_sessions_and_numbers_the_others():
    event = demo.ensure_event("demo")
    for external_id in ("live-2", "live-1", "over-1", "over-10", "over-9", "fresh-3", "live-x"):
        demo.ensure_session(event, f"demo-{external_id}", "A Talk", NOW)
    Session.objects.filter(external_id__in=["demo-over-10", "demo-live-1"]).update(ended_at=NOW)
    assert demo.next_runs("demo", ["live", "over", "fresh", "none"], {"fresh"}) == {
        "live": 2,
        "over": 11,
        "fresh": 4,
        "none": 1,
    }
