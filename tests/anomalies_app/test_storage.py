"""Changes of episodes in the database, and the records that are made of the rows."""

import pytest
from msgspec import structs

from anomalies_app.models import Anomaly
from anomalies_app.records import AnomalyChange, Change, EpisodeChange, SignalMove
from anomalies_app.storage import store_changes
from sessions_app.scoring.points import SignalValues
from sessions_app.ticks import tick_end
from tests.anomalies_app.test_records import BEGAN
from tests.factories import Cast

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

TICK = BEGAN.tick


def began(cast: Cast) -> EpisodeChange:
    return structs.replace(
        BEGAN,
        session_id=cast.session.pk,
        event_id=cast.session.event_id,
        external_id=cast.session.external_id,
        current_engagement=0.25,
        expected_engagement=0.5,
    )


def escalated(cast: Cast) -> EpisodeChange:
    return structs.replace(
        began(cast),
        change=Change.ESCALATED,
        tick=TICK + 6,
        type="LOW_ENGAGEMENT",
        severity="CRITICAL",
        anomaly_score=0.9,
        current_engagement=0.125,
        reason="Active users fell from 190 to 121 in 70 seconds",
        moved=SignalMove("active_users", 190, 121, 70),
    )


def ended(cast: Cast) -> EpisodeChange:
    return structs.replace(
        escalated(cast),
        change=Change.ENDED,
        tick=TICK + 30,
        anomaly_score=0.1,
        current_engagement=0.4375,
        reason="",
        signals=SignalValues(40.0, 0.4, 180, 190, 3.0, 0.0),
        moved=None,
    )


def store(cast: Cast, *changes: EpisodeChange) -> list[AnomalyChange]:
    return store_changes(changes, {cast.session.event_id: "conference"})


def test_a_beginning_is_a_row_and_a_record_with_the_same_values(cast: Cast) -> None:
    change = began(cast)
    [told] = store(cast, change)
    row = Anomaly.objects.get()
    assert row.values.columns() == told.columns() == change.columns()
    assert row.deviation == change.deviation == 0.25
    record = row.record()
    assert {name: getattr(told, name) for name in record.__struct_fields__} == structs.asdict(
        record
    )
    assert (told.change, told.changed_at) == (Change.BEGAN, tick_end(TICK))
    assert (told.external_id, told.event_external_id) == (cast.session.external_id, "conference")


def test_a_change_for_the_worse_replaces_the_values_and_keeps_the_beginning(cast: Cast) -> None:
    store(cast, began(cast))
    [told] = store(cast, escalated(cast))
    record = Anomaly.objects.get().record()
    assert record.columns() == escalated(cast).columns()
    assert record.moved == escalated(cast).moved
    assert (record.began_at, record.ended_at) == (tick_end(TICK), None)
    assert told.id == record.id == began(cast).anomaly_id


def test_an_end_is_told_as_it_is_and_leaves_what_it_was_raised_for(cast: Cast) -> None:
    store(cast, began(cast))
    store(cast, escalated(cast))
    [told] = store(cast, ended(cast))
    worst = escalated(cast)
    assert (told.current_engagement, told.signals) == (0.4375, ended(cast).signals)
    assert (told.anomaly_score, told.reason, told.moved) == (0.9, worst.reason, worst.moved)
    assert told.ended_at == told.changed_at == tick_end(TICK + 30)
    record = Anomaly.objects.get().record()
    assert (record.columns(), record.signals) == (worst.columns(), worst.signals)
    assert record.ended_at == tick_end(TICK + 30)


def test_a_tick_that_is_stored_again_adds_nothing(cast: Cast) -> None:
    changes = [began(cast), escalated(cast), ended(cast)]
    for change in changes:
        store(cast, change)
    before = Anomaly.objects.values().get()
    for change in changes:
        told = store(cast, change)
        assert [(each.change, each.id) for each in told] == [(change.change, change.anomaly_id)]
    assert Anomaly.objects.values().get() == before
    assert [entry["change"] for entry in before["metadata"]["changes"]] == [*Change]


def test_nothing_is_told_of_an_anomaly_that_was_deleted(cast: Cast) -> None:
    store(cast, began(cast))
    Anomaly.objects.all().delete()
    assert store(cast, escalated(cast), ended(cast)) == []
    assert store(cast) == []


def test_a_damaged_row_is_a_record_without_what_is_missing(cast: Cast) -> None:
    store(cast, began(cast))
    Anomaly.objects.update(signals={"active_users": 3}, metadata={"moved": {"signal": "?"}})
    record = Anomaly.objects.get().record()
    assert (record.signals, record.moved) == (None, None)
    assert record.columns() == began(cast).columns()


def test_one_that_was_left_open_ended_with_its_session(cast: Cast) -> None:
    store(cast, began(cast))
    cast.session.ended_at = tick_end(TICK + 100)
    cast.session.save()
    assert Anomaly.objects.get().record().ended_at == tick_end(TICK + 100)
