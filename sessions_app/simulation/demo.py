"""The demo's event, sessions and users, and the creation of admins."""

import secrets
from datetime import datetime

from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractUser
from django.core.exceptions import ValidationError
from django.db import transaction

from sessions_app.models import Event, Session

DEMO_EVENT_ID = "demo-conference"
DEMO_EVENT_TITLE = "Demo Conference"
DEMO_ORGANIZER = "organizer"
DEMO_ADMIN = "admin"
PASSWORD_BYTES = 12


class AccountError(ValueError):
    """An account that cannot be created or changed; the message says why."""


def fresh_password() -> str:
    """A new random password."""
    return secrets.token_urlsafe(PASSWORD_BYTES)


def ensure_event(external_id: str) -> Event:
    """The demo's event, assigned to the demo's organizer if that user exists."""
    event, _ = Event.objects.get_or_create(
        external_id=external_id, is_stand_in=False, defaults={"title": DEMO_EVENT_TITLE}
    )
    event.organizers.add(*get_user_model().objects.filter(username=DEMO_ORGANIZER))
    return event


def ensure_session(event: Event, external_id: str, title: str, now: datetime) -> Session:
    """A session with a title, even if an event from the platform has created it without one."""
    session, created = Session.objects.get_or_create(
        external_id=external_id,
        defaults={"event": event, "title": title, "started_at": now, "last_seen_at": now},
    )
    if not created and session.title == session.external_id:
        session.title = title
        session.save(update_fields=["title"])
    return session


def next_runs(event_id: str, characters: list[str], restarted: set[str]) -> dict[str, int]:
    """The number of each character's next session, as used in the simulation's session IDs.

    Args:
        event_id: the platform's event ID, the prefix of the session IDs.
        characters: keys of the characters.
        restarted: characters that start a new session even if their last one is still live.
    """
    return {key: _next_run(f"{event_id}-{key}-", key in restarted) for key in characters}


def _next_run(prefix: str, restarted: bool) -> int:
    sessions = Session.objects.filter(external_id__startswith=prefix)
    runs = {
        int(number): ended_at is not None
        for external_id, ended_at in sessions.values_list("external_id", "ended_at")
        if (number := external_id.removeprefix(prefix)).isdecimal()
    }
    if not runs:
        return 1
    latest = max(runs)
    return latest + 1 if restarted or runs[latest] else latest


@transaction.atomic
def renew_demo_user(name: str, admin: bool) -> str:
    """Creates a demo user, or takes the existing one, and returns its new password."""
    user, _ = get_user_model().objects.get_or_create(username=name)
    user.is_staff = user.is_superuser = admin
    user.is_active = True
    return _renew_password(user)


@transaction.atomic
def create_admin(name: str, reset_password: bool) -> str | None:
    """Creates an admin and returns the password; None for an existing one that keeps its own.

    Raises:
        AccountError: the name is invalid, or belongs to a user who is not an admin.
    """
    users = get_user_model().objects
    user = users.filter(username=name).first()
    if user is None:
        return _renew_password(_new_admin(name))
    if not user.is_superuser:
        raise AccountError(f"{name} exists but is not an admin; admins can change that in /admin/.")
    return _renew_password(user) if reset_password else None


def _new_admin(name: str) -> AbstractUser:
    user = get_user_model()(username=name, is_staff=True, is_superuser=True)
    try:
        user.full_clean(exclude=["password"])
    except ValidationError as error:
        raise AccountError(
            f"{name!r} is not a valid user name: {' '.join(error.messages)}"
        ) from error
    return user


def _renew_password(user: AbstractUser) -> str:
    password = fresh_password()
    user.set_password(password)
    user.save()
    return password
