"""Who sees and finds the anomalies of a session that has moved: whoever has its event now."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from anomalies_app.admin.export import COLUMNS
from anomalies_app.admin.rates import false_alarms
from anomalies_app.models import AgentPerformance, Anomaly, Intervention
from anomalies_app.queries import ReviewedCount
from sessions_app.events.blocks import Mention
from sessions_app.models import Event, Session
from sessions_app.storage.sessions import resolve_sessions
from tests.dashboard.api.described import Program, make_token
from tests.dashboard.conftest import logged_in
from tests.factories import Cast, make_anomaly, make_notice

pytestmark = pytest.mark.django_db
LIST = "/admin/anomalies_app/anomaly/"


@pytest.fixture
def moved(cast: Cast) -> Anomaly:
    """An anomaly that was raised in Alice's event, of a session that is Bob's now."""
    anomaly = make_anomaly(make_notice(cast.session), verdict="CONFIRMED")
    cast.session.event = cast.bobs_session.event
    cast.session.save()
    return Anomaly.objects.get(pk=anomaly.pk)


def seen_by(user: User) -> int:
    return Anomaly.objects.visible_to(user).count()


def test_rights_follow_the_sessions_event(cast: Cast, moved: Anomaly) -> None:
    assert moved.event_id != cast.session.event_id, "what it was at the time is kept"
    assert [seen_by(user) for user in (cast.alice, cast.bob, cast.charlie, cast.admin)] == [
        0,
        1,
        0,
        1,
    ]
    alices, bobs = (
        Program(make_token(name, Event.objects.get(title=title)))
        for name, title in (("a", "Alice's conference"), ("b", "Bob's webinars"))
    )
    path = f"/sessions/{cast.session.external_id}/anomalies/"
    assert alices.get(path).status_code == 404
    (told,) = bobs.get(path).json()["anomalies"]
    assert told["eventId"] == cast.bobs_session.event.external_id


def test_the_list_finds_it_under_the_sessions_event(cast: Cast, moved: Anomaly) -> None:
    admin = logged_in(cast.admin)
    bobs = cast.bobs_session.event

    def found(query: str) -> list[Any]:
        return list(admin.get(f"{LIST}?{query}").context["cl"].result_list)

    assert found(f"event={moved.event_id}") == found("q=Alice") == []
    assert found(f"event={bobs.pk}") == found("q=Bob") == [moved]
    page = admin.get(f"{LIST}{moved.pk}/change/").content.decode()
    assert f'<a href="/admin/sessions_app/event/{bobs.pk}/change/">Bob&#x27;s webinars</a>' in page
    assert "Alice&#x27;s conference" not in page
    assert false_alarms().by_event == [ReviewedCount("Bob's webinars", 1, 0)]


@pytest.mark.parametrize("deleted", [False, True])
def test_it_is_listed_and_exported_even_when_its_former_event_is_gone(
    cast: Cast, moved: Anomaly, deleted: bool
) -> None:
    if deleted:
        Event.objects.get(pk=moved.event_id).delete()
    admin = logged_in(cast.admin)
    assert list(admin.get(LIST).context["cl"].result_list) == [moved]
    assert admin.get(f"{LIST}{moved.pk}/change/").status_code == 200
    (row,) = Anomaly.objects.values_list(*COLUMNS.values())
    assert dict(zip(COLUMNS, row, strict=True))["event"] == cast.bobs_session.event.external_id


def test_what_is_stored_about_a_session_survives_the_stand_in_that_it_leaves() -> None:
    resolve_sessions([Mention("42", None)], timezone.now())
    session = Session.objects.get()
    stand_in = session.event_id
    anomaly = make_anomaly(make_notice(session))
    records = [
        Intervention.objects.create(
            session=session, event_id=stand_in, time=timezone.now(), kind="POLL"
        ),
        AgentPerformance.objects.create(
            session=session, event_id=stand_in, time=timezone.now(), agent="a"
        ),
    ]
    resolve_sessions([Mention("42", "bobs")], timezone.now())
    assert not Event.objects.filter(pk=stand_in).exists()
    for record in (anomaly, *records):
        record.refresh_from_db()
        assert record.event_id == stand_in
    bob = User.objects.create(username="bob")
    Event.objects.get().organizers.add(bob)
    assert seen_by(bob) == 1


def test_what_is_stored_goes_with_its_session() -> None:
    resolve_sessions([Mention("42", "bobs")], timezone.now())
    session = Session.objects.get()
    make_anomaly(make_notice(session))
    Intervention.objects.create(
        session=session, event=session.event, time=timezone.now(), kind="POLL"
    )
    session.event.delete()
    assert not Anomaly.objects.exists()
    assert not Intervention.objects.exists()
