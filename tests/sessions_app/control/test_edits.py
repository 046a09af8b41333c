"""What admins do by hand reaches the windows of the scorer."""

from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from django.utils import timezone

from sessions_app.control.announcements import end_session, reopen_session
from sessions_app.control.edits import HORIZON, follow_edits
from sessions_app.events.blocks import Mention
from sessions_app.models import Session
from sessions_app.state.session_windows import ROW, EndReason, SessionWindows, Tombstone
from sessions_app.storage.sessions import end_sessions, end_silent_sessions, resolve_sessions
from sessions_app.ticks import tick_ending
from tests.factories import last_tick_end, make_event, make_session

pytestmark = pytest.mark.django_db

LONG_AGO = timezone.now() - timedelta(hours=1)


@pytest.fixture
def sessions() -> list[Session]:
    event = make_event("Conference")
    made = [make_session(event, name, external_id=name) for name in ("a", "b", "c")]
    Session.objects.update(edited_at=LONG_AGO)
    return made


def windows_of(*sessions: Session) -> SessionWindows:
    windows = SessionWindows(tick_ending(last_tick_end()))
    rows = np.zeros(len(sessions), ROW)
    rows["session_id"] = [session.pk for session in sessions]
    rows["event_id"] = [session.event_id for session in sessions]
    windows.add_sessions([session.external_id for session in sessions], rows)
    return windows


def test_without_edits_nothing_changes(sessions: list[Session]) -> None:
    windows = windows_of(*sessions)
    before = windows.to_bytes()
    follow_edits(windows, whole=True)
    assert windows.to_bytes() == before


def test_edits_are_found_with_one_query_and_deleted_sessions_with_two(
    sessions: list[Session], django_assert_num_queries: Any
) -> None:
    windows = windows_of(*sessions)
    sessions[1].delete()
    with django_assert_num_queries(1):
        follow_edits(windows)
    assert windows.rows["end_reason"].tolist() == [EndReason.NOT_YET] * 3
    with django_assert_num_queries(2):
        follow_edits(windows, whole=True)
    assert windows.rows["end_reason"].tolist() == [
        EndReason.NOT_YET,
        EndReason.DELETED,
        EndReason.NOT_YET,
    ]
    with django_assert_num_queries(0):
        follow_edits(SessionWindows(0), whole=True)


def test_an_end_by_hand_is_followed_even_after_an_outage(sessions: list[Session]) -> None:
    windows = windows_of(*sessions)
    long_before = timezone.now() - 3 * HORIZON
    ended = Session.objects.filter(pk=sessions[0].pk)
    ended.update(ended_at=long_before, ended_by_hand=True, edited_at=long_before)
    follow_edits(windows)
    assert not windows.rows["end_reason"].any()
    windows.tick -= 3 * HORIZON // timedelta(seconds=5)
    follow_edits(windows)
    assert windows.rows["end_reason"].tolist() == [
        EndReason.ANNOUNCED,
        EndReason.NOT_YET,
        EndReason.NOT_YET,
    ]


def test_an_end_by_the_clock_is_not_by_hand(sessions: list[Session]) -> None:
    windows = windows_of(*sessions)
    end_sessions([sessions[0].pk], timezone.now())
    follow_edits(windows, whole=True)
    assert not windows.rows["end_reason"].any()
    sessions[0].title = "Renamed afterwards"
    sessions[0].save_edit("title")
    follow_edits(windows, whole=True)
    assert not windows.rows["end_reason"].any()


def test_what_is_stored_says_who_ended_a_session(sessions: list[Session]) -> None:
    now = timezone.now()
    by_hand, by_clock, silent = sessions
    assert end_session(by_hand, now)
    end_sessions([by_hand.pk, by_clock.pk], now)
    Session.objects.filter(pk=silent.pk).update(last_seen_at=LONG_AGO)
    assert end_silent_sessions(now, HORIZON) == 1

    def ended_by_hand() -> list[bool | None]:
        return list(Session.objects.order_by("pk").values_list("ended_by_hand", flat=True))

    assert ended_by_hand() == [True, False, False]
    assert reopen_session(by_hand, now)
    resolve_sessions([Mention(by_clock.external_id, None), Mention(silent.external_id, None)], now)
    assert ended_by_hand() == [None] * 3


@pytest.mark.parametrize("whole", [False, True])
def test_an_end_by_the_release_before_is_followed_after_an_earlier_one_by_this(
    sessions: list[Session], whole: bool
) -> None:
    """It reopens a session and ends it again, and leaves the column as the first end set it."""
    windows = windows_of(*sessions)
    now = timezone.now()
    end_sessions([sessions[0].pk], now)
    same = Session.objects.filter(pk=sessions[0].pk)
    same.update(ended_at=None, edited_at=LONG_AGO if whole else now)
    follow_edits(windows, whole)
    same.update(ended_at=now, edited_at=now)
    follow_edits(windows)
    assert windows.rows["end_reason"].tolist() == [
        EndReason.ANNOUNCED,
        EndReason.NOT_YET,
        EndReason.NOT_YET,
    ]


def test_ends_by_the_release_before_are_told_by_their_times(sessions: list[Session]) -> None:
    """It ends sessions while this one is already at work, and leaves the column empty."""
    windows = windows_of(*sessions)
    now = timezone.now()
    by_hand, by_clock, renamed_before = (Session.objects.filter(pk=each.pk) for each in sessions)
    by_hand.update(ended_at=now, edited_at=now)
    by_clock.update(ended_at=now, edited_at=None)
    renamed_before.update(ended_at=now, edited_at=now - HORIZON / 2)
    follow_edits(windows, whole=True)
    expected = [EndReason.ANNOUNCED, EndReason.NOT_YET, EndReason.NOT_YET]
    assert windows.rows["end_reason"].tolist() == expected


def test_only_buried_sessions_are_opened_again(sessions: list[Session]) -> None:
    windows = windows_of(sessions[0])
    windows.tombstones = {"b": Tombstone(sessions[1].pk, windows.tick - 9)}
    for session in sessions:
        session.save_edit("title")
    follow_edits(windows)
    assert windows.external_ids == ["a", "b"], "c has not been heard of yet"
    assert windows.rows["session_id"].tolist() == [sessions[0].pk, sessions[1].pk]
    assert windows.rows["last_seen"][1] == windows.tick
    assert not windows.tombstones
