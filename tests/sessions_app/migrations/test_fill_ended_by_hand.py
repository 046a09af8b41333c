"""Sessions of the release before get told who has ended them."""

from collections.abc import Iterator
from datetime import timedelta
from importlib import import_module
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

from sessions_app.models import Session

pytestmark = [pytest.mark.integration, pytest.mark.django_db(transaction=True)]

NOW = timezone.now()
SECOND = timedelta(seconds=1)


@pytest.fixture
def sessions_before() -> Iterator[Any]:
    """The sessions of a database as the release before leaves it."""
    target = [("sessions_app", "0011_database_epoch")]
    try:
        MigrationExecutor(connection).migrate(target)
        apps = MigrationExecutor(connection).loader.project_state(target).apps
        event = apps.get_model("sessions_app", "Event").objects.create(external_id="e", title="e")

        def create(name: str, **fields: Any) -> None:
            apps.get_model("sessions_app", "Session").objects.create(
                external_id=name,
                title=name,
                event=event,
                started_at=NOW,
                last_seen_at=NOW,
                **fields,
            )

        yield create
    finally:
        call_command("migrate", verbosity=0)


@pytest.mark.parametrize("batch", [1, 2_000])
def test_who_ended_a_session_is_told_by_its_times(
    sessions_before: Any, batch: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    migration = import_module("sessions_app.migrations.0013_fill_ended_by_hand")
    monkeypatch.setattr(migration, "BATCH", batch)
    sessions_before("live")
    sessions_before("live, edited", edited_at=NOW)
    sessions_before("by hand", ended_at=NOW, edited_at=NOW)
    sessions_before("by the clock", ended_at=NOW)
    sessions_before("edited before", ended_at=NOW, edited_at=NOW - SECOND)
    call_command("migrate", verbosity=0)
    assert dict(Session.objects.values_list("external_id", "ended_by_hand")) == {
        "live": None,
        "live, edited": None,
        "by hand": True,
        "by the clock": False,
        "edited before": False,
    }
