"""Rows of the version that knew stand-ins by equal IDs, brought into this one by the migrations."""

import json
import logging
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.apps import apps as current_apps
from django.contrib.admin.models import ADDITION, CHANGE, LogEntry
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

from anomalies_app.models import Anomaly
from sessions_app.events.blocks import Mention
from sessions_app.models import Event, Session
from sessions_app.storage import stand_in_repair
from sessions_app.storage.sessions import resolve_sessions
from sessions_app.storage.stand_in_repair import Repaired, separate_stand_ins
from tests.factories import make_anomaly, make_notice

pytestmark = [pytest.mark.integration, pytest.mark.django_db(transaction=True)]

BEFORE, AFTER = "0006_system_page", "0013_fill_ended_by_hand"
LONG_AGO = timezone.now() - timedelta(days=1)
MOVED_BY_HAND = [{"changed": {"fields": ["Title", "Event"]}}]


def migrate(name: str) -> Any:
    """The models of the version after this migration, in a database that is at it."""
    target = [("sessions_app", name)]
    MigrationExecutor(connection).migrate(target)
    return MigrationExecutor(connection).loader.project_state(target).apps


class Past:
    """A database as the version before leaves it."""

    def __init__(self) -> None:
        apps = migrate(BEFORE)
        self.events = apps.get_model("sessions_app", "Event").objects
        self.sessions = apps.get_model("sessions_app", "Session").objects

    def event(self, external_id: str, *session_ids: str) -> Any:
        event = self.events.create(external_id=external_id, title=f"Event {external_id}")
        for session_id in session_ids:
            self.session(session_id, event)
        return event

    def session(self, session_id: str, event: Any, **fields: Any) -> Any:
        usual = {"started_at": LONG_AGO, "last_seen_at": LONG_AGO, "title": session_id}
        return self.sessions.create(external_id=session_id, event=event, **{**usual, **fields})


def record(what: Any, flag: int, message: Any = "") -> None:
    """As the admin does when somebody saves a form or announces something."""
    kind = ContentType.objects.get(app_label="sessions_app", model=what._meta.model_name)
    LogEntry.objects.create(
        user=User.objects.get_or_create(username="root")[0],
        content_type=kind,
        object_id=str(what.pk),
        object_repr="",
        action_flag=flag,
        change_message=message if isinstance(message, str) else json.dumps(message),
    )


@pytest.fixture
def past() -> Iterator[Past]:
    try:
        yield Past()
    finally:
        call_command("migrate", verbosity=0)


def placed() -> dict[str, tuple[str, str]]:
    """Of each session the ID of its event, and what that is."""
    return {
        session.external_id: (
            session.event.external_id,
            "its own"
            if session.awaits_event
            else "a stand-in"
            if session.event.is_stand_in
            else "an event",
        )
        # Columns of later migrations do not exist yet.
        for session in Session.objects.select_related("event").defer("ended_by_hand")
    }


def test_an_event_with_the_id_of_its_only_session_is_its_stand_in(past: Past) -> None:
    alone = past.event("42", "42")
    past.event("conference", "talk-1", "talk-2")
    past.event("empty")
    migrate(AFTER)
    assert placed() == {
        "42": ("42", "its own"),
        "talk-1": ("conference", "an event"),
        "talk-2": ("conference", "an event"),
    }
    assert Event.objects.stand_ins().get().pk == alone.pk
    assert not Event.objects.get(external_id="empty").is_stand_in


def test_a_session_in_an_event_of_others_with_its_id_leaves_it(
    past: Past, caplog: pytest.LogCaptureFixture
) -> None:
    alice, bob = (User.objects.create(username=name) for name in ("alice", "bob"))
    events = past.event("42", "42", "7"), past.event("talks", "talk-1", "talks")
    events[0].organizers.add(alice.pk)
    caplog.set_level(logging.INFO)
    migrate(AFTER)
    assert placed() == {
        "42": ("42", "its own"),
        "7": ("42", "an event"),
        "talk-1": ("talks", "an event"),
        "talks": ("talks", "its own"),
    }
    visible = Session.objects.visible_to(alice)
    assert {session.external_id for session in visible} == {"7"}
    key = Session.objects.get(external_id="42").pk
    assert f"choose event {events[0].pk} on the page of session {key}" in caplog.text
    assert "Marked 0 events as stand-ins; moved 2 sessions" in caplog.text
    # It goes on as if it had been in a stand-in of its own all the time.
    resolve_sessions([Mention("42", "bobs")], timezone.now())
    Event.objects.get(external_id="bobs").organizers.add(bob)
    visible = Session.objects.visible_to(bob)
    assert {session.external_id for session in visible} == {"42"}


def test_the_scorer_is_told_of_sessions_that_are_live(past: Past) -> None:
    event = past.event("42", "42", "7")
    past.event("8", "9")
    past.session("8", past.events.get(external_id="8"), ended_at=LONG_AGO)
    migrate(AFTER)
    edited = Session.objects.filter(edited_at__isnull=False)
    assert {session.external_id for session in edited} == {"42"}
    assert Session.objects.get(external_id="7").event_id == event.pk


@pytest.mark.parametrize(
    ("flag", "message", "stays"),
    [
        (CHANGE, MOVED_BY_HAND, True),
        (ADDITION, [{"added": {}}], True),
        (CHANGE, [{"changed": {"fields": ["Title"]}}], False),
        (CHANGE, [{"changed": {"name": "pause", "object": "x", "fields": ["Event"]}}], False),
        (CHANGE, "Ended.", False),
        (CHANGE, '"Event"', False),
    ],
)
def test_a_session_that_a_person_has_put_there_stays(
    past: Past, flag: int, message: Any, stays: bool
) -> None:
    past.event("42", "42", "7")
    record(Session.objects.only("pk").get(external_id="42"), flag, message)
    migrate(AFTER)
    assert placed()["42"] == (("42", "an event") if stays else ("42", "its own"))
    assert placed()["7"] == ("42", "an event")


def test_sessions_that_a_person_has_added_to_a_stand_in_do_not_make_it_an_event(
    past: Past,
) -> None:
    stand_in = past.event("42", "42", "7")
    record(Session.objects.only("pk").get(external_id="7"), CHANGE, MOVED_BY_HAND)
    migrate(AFTER)
    assert placed() == {"42": ("42", "its own"), "7": ("42", "a stand-in")}
    assert Event.objects.get().pk == stand_in.pk


def test_an_event_that_a_person_has_made_is_no_stand_in(past: Past) -> None:
    event = past.event("42", "42")
    record(Event.objects.only("pk").get(), ADDITION, [{"added": {}}])
    migrate(AFTER)
    assert placed() == {"42": ("42", "its own")}
    assert not Event.objects.get(pk=event.pk).is_stand_in
    assert Event.objects.count() == 2


def test_many_are_repaired_in_short_transactions(
    past: Past, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stand_in_repair, "BATCH", 7)
    for number in range(20):
        past.event(f"alone-{number}", f"alone-{number}")
        past.event(f"both-{number}", f"both-{number}", f"other-{number}")
    migrate(AFTER)
    told = placed()
    assert {told[f"{kind}-{n}"][1] for n in range(20) for kind in ("alone", "both")} == {"its own"}
    assert {told[f"other-{number}"][1] for number in range(20)} == {"an event"}
    assert Event.objects.stand_ins().count() == 40
    assert Event.objects.real().count() == 20


def test_it_may_be_interrupted_and_repeated(past: Past, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stand_in_repair, "BATCH", 2)
    for number in range(6):
        past.event(f"{number}", f"{number}", f"other-{number}")
    batches = stand_in_repair._batches

    def interrupted() -> Iterator[Any]:
        yield next(batches())
        raise KeyboardInterrupt

    monkeypatch.setattr(stand_in_repair, "_batches", interrupted)
    with pytest.raises(KeyboardInterrupt):
        migrate(AFTER)
    monkeypatch.setattr(stand_in_repair, "_batches", batches)
    assert sum(kind == "its own" for _, kind in placed().values()) == 1, "that of one batch"
    call_command("migrate", verbosity=0)
    assert sum(kind == "its own" for _, kind in placed().values()) == 6
    assert separate_stand_ins(current_apps) == Repaired()


def test_the_way_back_shows_nobody_more(past: Past) -> None:
    alice = User.objects.create(username="alice")
    past.event("42", "42", "7").organizers.add(alice.pk)
    past.event("alone", "alone")
    migrate(AFTER)
    again = Past()
    names = dict(again.sessions.values_list("external_id", "event__external_id"))
    stand_in = again.sessions.get(external_id="42").event_id
    assert names == {"42": f"{stand_in} stands in for 42", "7": "42", "alone": "alone"}
    visible = again.sessions.filter(event__organizers=alice.pk)
    assert list(visible.values_list("external_id", flat=True)) == ["7"]
    migrate(AFTER)
    assert placed()["alone"] == ("alone", "its own")
    assert placed()["7"] == ("42", "an event")


def test_anomalies_of_a_session_that_leaves_are_kept(past: Past) -> None:
    event = past.event("42", "42", "7")
    migrate(AFTER)
    session = Session.objects.get(external_id="42")
    anomaly = make_anomaly(make_notice(session), event_id=event.pk)
    Session.objects.get(external_id="7").delete()
    Event.objects.get(pk=event.pk).delete()
    assert Anomaly.objects.get().pk == anomaly.pk
