"""The demo's organizer and admin."""

import pytest
from django.contrib.auth import get_user_model

from sessions_app.models import Event
from tests.sessions_app.management.commands.test_create_admin import logged_in
from tests.sessions_app.simulation.test_demo import demo_passwords

pytestmark = [pytest.mark.django_db, pytest.mark.integration]


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
