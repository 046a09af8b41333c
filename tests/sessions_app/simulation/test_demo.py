"""The demo's users, event and sessions; admins with random passwords."""

import re
from datetime import UTC, datetime
from io import StringIO

import pytest
from django.contrib.auth import authenticate, get_user_model
from django.contrib.auth.base_user import AbstractBaseUser
from django.core.management import CommandError, call_command
from django.http import HttpRequest

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


def logged_in(**credentials: str) -> AbstractBaseUser | None:
    return authenticate(HttpRequest(), **credentials)


def demo_passwords() -> tuple[str, str]:
    organizer, admin = printed("create_demo_users")
    return (
        password_of(organizer, "organizer", "organizer"),
        password_of(admin, "admin", "admin"),
    )


def test_create_demo_users_prints_passwords_that_work():
    organizer_password, admin_password = demo_passwords()
    organizer = logged_in(username="organizer", password=organizer_password)
    admin = logged_in(username="admin", password=admin_password)
    assert (organizer.is_staff, organizer.is_superuser) == (False, False)
    assert (admin.is_staff, admin.is_superuser) == (True, True)


def test_create_demo_users_gives_the_organizer_the_demo_event_only():
    other = Event.objects.create(external_id="other", title="Other")
    demo_passwords()
    organizer = get_user_model().objects.get(username="organizer")
    event = Event.objects.get(external_id="demo-conference")
    assert event.title == "Demo Conference"
    assert list(Event.objects.visible_to(organizer)) == [event]
    assert not other.organizers.exists()


def test_create_demo_users_renews_the_passwords_and_nothing_else():
    first = demo_passwords()
    second = demo_passwords()
    assert not set(first) & set(second)
    assert get_user_model().objects.count() == 2
    assert logged_in(username="organizer", password=first[0]) is None
    assert logged_in(username="organizer", password=second[0]) is not None


def test_create_demo_users_takes_rights_from_a_promoted_organizer():
    get_user_model().objects.create_superuser("organizer", is_active=False)
    organizer_password, _ = demo_passwords()
    organizer = logged_in(username="organizer", password=organizer_password)
    assert (organizer.is_staff, organizer.is_superuser) == (False, False)


def test_create_admin_prints_a_password_that_works():
    (line,) = printed("create_admin", "zoe")
    admin = logged_in(username="zoe", password=password_of(line, "admin", "zoe"))
    assert admin.is_superuser
    assert admin.is_staff


def test_create_admin_keeps_the_password_of_an_existing_one():
    password = password_of(printed("create_admin", "zoe")[0], "admin", "zoe")
    errors = StringIO()
    assert printed("create_admin", "zoe", stderr=errors) == []
    assert "keeps the password" in errors.getvalue()
    assert "--reset-password" in errors.getvalue()
    assert logged_in(username="zoe", password=password) is not None


def test_create_admin_renews_a_password_when_asked():
    old = password_of(printed("create_admin", "zoe")[0], "admin", "zoe")
    (line,) = printed("create_admin", "zoe", "--reset-password")
    assert logged_in(username="zoe", password=old) is None
    assert logged_in(username="zoe", password=password_of(line, "admin", "zoe")) is not None


@pytest.mark.parametrize("options", [[], ["--reset-password"]])
def test_create_admin_promotes_nobody(options):
    get_user_model().objects.create_user("bob", password="his own")
    with pytest.raises(CommandError, match="bob exists but is not an admin"):
        printed("create_admin", "bob", *options)
    assert not logged_in(username="bob", password="his own").is_superuser


@pytest.mark.parametrize("name", ["a b", "", "x" * 151, "semi;colon"])
def test_create_admin_refuses_bad_names(name):
    with pytest.raises(CommandError, match="is not a valid user name"):
        printed("create_admin", name)
    assert not get_user_model().objects.exists()


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
