"""Rows of the version that knew stand-ins by equal IDs, brought into this one by the migrations."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import ADDITION, CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

from sessions_app import stand_in_repair
from sessions_app.models import Event, Session
from sessions_app.registry import resolve_sessions
from sessions_app.blocks import Mention
from tests.factories import make_user

pytestmark = [pytest.mark.integration, pytest.mark.django_db(transaction=True)]

BEFORE, AFTER = "0006_system_page", "0009_separate_stand_ins"
LONG_AGO = timezone.now() - timedelta(days=1)


def migrate(name: str) -> Any:
    """The models of the version after this migration, in a database that is at it."""
    target = [("sessions_app", name)]
    MigrationExecutor(connection).migrate(target)
    return MigrationExecutor(connection).loader.project_state(target).apps


class Past:
    """A database as the version before leaves it."""

    def __init__(self, apps: Any) -> None:
        self.events = apps.get_model("sessions_app", "Event").objects
        self.sessions = apps.get_model("sessions_app", "Session").objects

    def event(self, external_id: str, *session_ids: str, **fields: Any) -> Any:
        event = self.events.create(external_id=external_id, title=f"Event {external_id}", **fields)
        for session_id in session_ids:
            self.session(session_id, event)
        return event

    def session(self, session_id: str, event: Any, **fields: Any) -> Any:
        usual = {"started_at": LONG_AGO, "last_seen_at": LONG_AGO, "title": session_id}
        return self.sessions.create(external_id=session_id, event=event, **{**usual, **fields})

    def record(self, what: Any, flag: int, message: Any) -> None:
        """As the admin does when somebody saves a form or announces something."""
        kind = ContentType.objects.get(app_label="sessions_app", model=what._meta.model_name)
        user, _ = make_admin()
        entry = LogEntry(user=user, content_type=kind, object_id=what.pk, action_flag=flag)
        entry.object_repr, entry.change_message = str(what), message
        if not isinstance(message, str):
            import json

            entry.change_message = json.dumps(message)
        entry.save()


def make_admin() -> tuple[Any, bool]:
    from django.contrib.auth.models import User

    return User.objects.get_or_create(username="root")


@pytest.fixture
def past() -> Iterator[Past]:
    yield Past(migrate(BEFORE))
    call_command("migrate", verbosity=0)


def placed() -> dict[str, tuple[str, bool, bool]]:
    """The event of each session: its ID, whether it is a stand-in, and whether of this session."""
    sessions = Session.objects.select_related("event")
    return {
        session.external_id: (
            session.event.external_id,
            session.event.is_stand_in,
            not session.event_is_known,
        )
        for session in sessions
    }
