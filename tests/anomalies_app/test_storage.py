"""Episodes in the database: each once, however often its tick is stored again."""

from typing import Any

import pytest

from anomalies_app.models import Anomaly
from anomalies_app.notices import Change, EpisodeChange, SignalMove
from anomalies_app.storage import anomaly_id, store_changes
from sessions_app.ticks import tick_end
from tests.factories import SIGNALS, Cast

pytestmark = pytest.mark.integration
RAISED = 350_000_000


def change(cast: Cast, kind: Change, later: int = 0, **fields: Any) -> EpisodeChange:
    session = cast.session
    usual = {
        "change": kind,
        "session_id": session.pk,
        "event_id": session.event_id,
        "external_id": session.external_id,
        "tick": RAISED + later,
        "raised_tick": RAISED,
        "type": "SUDDEN_DROP",
        "severity": "WARNING",
        "anomaly_score": 0.7,
        "current_engagement": 0.3,
        "expected_engagement": 0.6,
        "reason": "It fell.",
        "signals": SIGNALS,
        "moved": SignalMove("active_users", 190, 121, 40),
    }
    return EpisodeChange(**{**usual, **fields})


def store(cast: Cast, *changes: EpisodeChange) -> list[Any]:
    return store_changes(changes, {cast.session.event_id: cast.session.event.external_id})


def test_a_beginning_is_a_row_and_a_notice(cast: Cast) -> None:
    (notice,) = store(cast, change(cast, Change.BEGAN))
    row = Anomaly.objects.get()
    assert row.pk == notice.id == anomaly_id(cast.session.pk, RAISED)
    assert row.time == notice.began_at == notice.changed_at == tick_end(RAISED)
    assert (row.type, row.severity, row.reason) == ("SUDDEN_DROP", "WARNING", "It fell.")
    assert row.deviation == pytest.approx(0.3)
    assert (notice.change, notice.has_ended) == (Change.BEGAN, False)
    assert notice.event_external_id == cast.session.event.external_id
    assert row.metadata["moved"]["signal"] == notice.moved.signal == "active_users"


def test_it_gets_worse_and_ends(cast: Cast) -> None:
    store(cast, change(cast, Change.BEGAN))
    worse = {"type": "LOW_ENGAGEMENT", "severity": "CRITICAL", "anomaly_score": 0.9}
    store(cast, change(cast, Change.ESCALATED, 5, **worse, reason="It is low."))
    row = Anomaly.objects.get()
    assert (row.type, row.severity, row.reason) == ("LOW_ENGAGEMENT", "CRITICAL", "It is low.")
    assert row.ended_at is None
    over = change(cast, Change.ENDED, 9, **worse, reason="", signals=None, moved=None)
    (notice,) = store(cast, over)
    row.refresh_from_db()
    assert row.ended_at == notice.changed_at == tick_end(RAISED + 9)
    assert (row.reason, notice.reason) == ("It is low.", "It is low.")
    assert notice.has_ended
    assert notice.signals == SIGNALS
    assert [entry["change"] for entry in row.metadata["changes"]] == ["BEGAN", "ESCALATED", "ENDED"]


def test_what_is_stored_again_is_told_again_and_changes_nothing(cast: Cast) -> None:
    changes = [change(cast, Change.BEGAN), change(cast, Change.ESCALATED, 5, severity="CRITICAL")]
    first = [notice for each in changes for notice in store(cast, each)]
    before = Anomaly.objects.values().get()
    again = [notice for each in changes for notice in store(cast, each)]
    assert Anomaly.objects.values().get() == before
    assert [(notice.id, notice.change) for notice in again] == [
        (notice.id, notice.change) for notice in first
    ]


def test_one_that_somebody_has_deleted_is_not_told(cast: Cast) -> None:
    store(cast, change(cast, Change.BEGAN))
    Anomaly.objects.all().delete()
    assert store(cast, change(cast, Change.ENDED, 9)) == []
    assert store(cast) == []
