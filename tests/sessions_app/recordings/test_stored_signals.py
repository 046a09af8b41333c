"""Stored metrics as recorded signals, in portions."""

from datetime import timedelta

import numpy as np
import pytest

from sessions_app.models import Pause
from sessions_app.recordings import stored_signals
from sessions_app.recordings.signal_recording import SIGNALS
from sessions_app.recordings.stored_signals import StoredSignals
from sessions_app.ticks import tick_end, tick_ending
from tests.factories import TICK, make_event, make_metrics, make_session

pytestmark = pytest.mark.django_db


@pytest.fixture
def event():
    return make_event("Conference")


def test_what_was_stored_is_read_back(event):
    sessions = [make_session(event, "talk") for _ in range(2)]
    for session in sessions:
        make_metrics(session, [0.5, 0.6, 0.7])
    make_session(event, "without metrics")
    stored = StoredSignals()
    (portion,) = stored.portions()
    assert stored.row_count == portion.recorded.row_count == 6
    assert portion.recorded.session_ids == [session.external_id for session in sessions]
    assert portion.recorded.session.tolist() == [0, 0, 0, 1, 1, 1]
    assert portion.event_ids.tolist() == [event.pk] * 2
    metrics = sessions[1].metrics.order_by("time")
    assert portion.recorded.tick[3:].tolist() == [tick_ending(row.time) for row in metrics]
    for name in SIGNALS:
        expected = [getattr(row, name) for row in metrics]
        assert getattr(portion.recorded, name)[3:].tolist() == expected
    assert not portion.recorded.muted.any()


def test_portions_are_whole_sessions_and_bounded(event, monkeypatch):
    monkeypatch.setattr(stored_signals, "PORTION_ROWS", 5)
    monkeypatch.setattr(stored_signals, "BATCH", 2)
    for count in (3, 2, 1, 7, 4):
        make_metrics(make_session(event, "talk"), [0.5] * count)
    sizes = [
        np.bincount(portion.recorded.session).tolist() for portion in StoredSignals().portions()
    ]
    assert sizes == [[3, 2], [1], [7], [4]]


def test_only_what_was_asked_for(event):
    session, other = make_session(event, "talk"), make_session(make_event("Other"), "talk")
    for one in (session, other):
        make_metrics(one, [0.5] * 4)
    since = session.metrics.order_by("time")[2].time
    stored = StoredSignals(since, event.external_id)
    (portion,) = stored.portions()
    assert stored.row_count == 2
    assert portion.recorded.session_ids == [session.external_id]
    assert tick_end(int(portion.recorded.tick[0])) == since


def test_rows_in_a_pause_and_in_the_minute_after_it_are_muted(event):
    session, other = make_session(event, "talk"), make_session(event, "talk")
    for one in (session, other):
        make_metrics(one, [0.5] * 40)
    start = session.metrics.order_by("time").first().time
    Pause.objects.create(
        session=session, starts_at=start + 4 * TICK - timedelta(seconds=1), ends_at=start + 9 * TICK
    )
    Pause.objects.create(session=session, starts_at=start + 38 * TICK)
    (portion,) = StoredSignals().portions()
    muted = np.flatnonzero(portion.recorded.muted).tolist()
    assert muted == [*range(4, 9 + 12), 38, 39]


def test_queries_do_not_grow_with_sessions(event, django_assert_num_queries):
    for count in (1, 3):
        for _ in range(count):
            make_metrics(make_session(event, "talk"), [0.5] * 2)
        with django_assert_num_queries(4):
            list(StoredSignals().portions())


def test_nothing_stored_is_no_portion():
    stored = StoredSignals()
    assert stored.row_count == 0
    assert list(stored.portions()) == []
