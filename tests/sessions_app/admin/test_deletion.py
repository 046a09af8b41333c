"""Events and sessions are deleted whole, in parts of bounded size; nothing else is."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from anomalies_app.models import Anomaly, Intervention
from sessions_app.admin import deletion
from sessions_app.admin.deletion import count_deleted, delete_events, delete_sessions
from sessions_app.events.blocks import Mention
from sessions_app.models import EngagementMetric, Event, Pause, PollMoment, Session
from sessions_app.storage.sessions import resolve_sessions
from tests.factories import (
    make_anomaly,
    make_event,
    make_metrics,
    make_notice,
    make_poll_moment,
    make_session,
    make_user,
)

pytestmark = pytest.mark.django_db
NOW = timezone.now().replace(microsecond=0)


def full_session(event: Event, name: str, metrics: int = 3, end: Any = None) -> Session:
    """A session with one row of everything, and some metrics."""
    session = make_session(event, name)
    make_metrics(session, [0.5] * metrics, end)
    make_anomaly(make_notice(session))
    make_poll_moment(session, "poll", "CLOSED", NOW)
    Pause.objects.create(session=session)
    Intervention.objects.create(session=session, event=event, time=NOW, kind="POLL")
    return session


RECORDS = (EngagementMetric, Anomaly, PollMoment, Pause, Intervention)


def counts() -> list[int]:
    return [model.objects.count() for model in RECORDS]


def test_an_event_goes_with_all_that_is_stored_about_its_sessions() -> None:
    event, other = make_event("One", make_user("alice")), make_event("Other")
    for name in ("a", "b"):
        full_session(event, name)
    full_session(other, "c")
    delete_events([event.pk])
    assert list(Event.objects.all()) == [other]
    assert counts() == [3, 1, 1, 1, 1]


def test_a_session_goes_alone() -> None:
    event = make_event("One")
    gone, stays = (full_session(event, name) for name in ("a", "b"))
    delete_sessions([gone.pk])
    assert list(Session.objects.all()) == [stays]
    assert counts() == [3, 1, 1, 1, 1]
    assert Event.objects.get() == event


def test_metrics_go_in_parts_of_bounded_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deletion, "STEP_ROWS", 20)
    monkeypatch.setattr(deletion, "STEP_TIME", timedelta(seconds=100))
    event = make_event("One")
    lengths = (3, 8, 12, 5, 70, 1)
    for number, metrics in enumerate(lengths):
        full_session(event, f"{number}", metrics, NOW - timedelta(days=number))
    sizes = []

    def note_size(execute: Any, sql: str, *rest: Any) -> Any:
        result = execute(sql, *rest)
        if sql.startswith('DELETE FROM "engagement_metrics"'):
            sizes.append(rest[-1]["cursor"].rowcount)
        return result

    with connection.execute_wrapper(note_size):
        delete_events([event.pk])
    assert sum(sizes) == sum(lengths)
    # A hundred seconds, both ends included, are 21 rows.
    assert max(sizes) <= 21
    assert counts() == [0] * 5


def test_the_number_of_queries_does_not_grow_with_the_sessions() -> None:
    found = []
    for sessions in (1, 3, 30):
        event = make_event("One")
        for number in range(sessions):
            full_session(event, f"{number}")
        with CaptureQueriesContext(connection) as captured:
            delete_events([event.pk])
        found.append(len(captured))
    assert len(set(found)) == 1, found


def test_what_goes_along_is_counted_in_the_database() -> None:
    event = make_event("One", make_user("alice"))
    for name in ("a", "b"):
        full_session(event, name, 30)
    full_session(make_event("Other"), "c")
    with CaptureQueriesContext(connection) as captured:
        found = count_deleted(Event, [event.pk])
    assert found == {
        Session: 2,
        EngagementMetric: 60,
        Anomaly: 2,
        PollMoment: 2,
        Pause: 2,
        Intervention: 2,
    }
    loaded = [query["sql"] for query in captured if "score" in query["sql"]]
    assert not loaded, "no row is read"


def test_counting_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deletion, "COUNTED_ROWS", 10)
    session = make_session(make_event("One"), "a")
    make_metrics(session, [0.5] * 50)
    assert count_deleted(Session, [session.pk]) == {EngagementMetric: 11}


def test_a_stand_in_goes_with_its_session_unless_somebody_needs_it() -> None:
    names = ("nobody", "assigned", "shared")
    resolve_sessions([Mention(name, None) for name in names], NOW)
    of = {name: Event.objects.get(external_id=name) for name in names}
    of["assigned"].organizers.add(make_user("bob"))
    make_session(of["shared"], "put there by hand")
    sessions = Session.objects.filter(external_id__in=names)
    delete_sessions(sessions.values_list("pk", flat=True))
    assert {event.external_id for event in Event.objects.all()} == {"assigned", "shared"}
    assert Event.objects.stand_ins().count() == 2


def test_an_event_goes_without_the_anomalies_of_sessions_that_have_left_it() -> None:
    resolve_sessions([Mention("42", None)], NOW)
    session = Session.objects.get()
    anomaly = make_anomaly(make_notice(session))
    resolve_sessions([Mention("42", "bobs")], NOW)
    assert not Event.objects.filter(pk=anomaly.event_id).exists()
    assert Anomaly.objects.get() == anomaly
    delete_events([Event.objects.get().pk])
    assert not Anomaly.objects.exists()


def test_a_session_that_was_moved_away_stays(settings: Any) -> None:
    alices, bobs = make_event("Alice's"), make_event("Bob's")
    session = full_session(alices, "talk")
    session.event = bobs
    session.save()
    Event.objects.get(pk=alices.pk).delete()
    assert counts() == [3, 1, 1, 1, 1], "by Django's own deletion as well"
    bobs.delete()
    assert counts() == [0] * 5
