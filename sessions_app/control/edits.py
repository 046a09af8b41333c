"""Carries what admins edit by hand into the scorer's windows."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import NamedTuple

import numpy as np
from django.utils import timezone

from sessions_app.models import Session
from sessions_app.queries.querysets import AWAITS_EVENT, ENDED_BY_HAND, SessionQuerySet
from sessions_app.state.session_windows import ROW, EndReason, SessionWindows
from sessions_app.ticks import tick_end

# A change is committed somewhat later than its timestamp says, and a tick may be scored late.
HORIZON = timedelta(minutes=2)


class _StoredSession(NamedTuple):
    """What the windows take over of a session."""

    session_id: int
    external_id: str
    event_id: int
    awaits_event: bool
    has_ended: bool
    is_ended_by_hand: bool
    describes_earlier_end: bool


def follow_edits(windows: SessionWindows, whole: bool = False) -> None:
    """Takes over recent edits: events, ends, and sessions that were reopened.

    A row belongs to a session if both key and ID agree. Where a key now belongs to another session,
    the epoch of the windows is cleared, so that all of them are looked up again.

    Args:
        windows: changed in place; the next tick is the last one of sessions that were ended.
        whole: whether to compare all sessions, so that deleted ones are noticed too.
    """
    if not len(windows) and not windows.tombstones:
        return
    since = min(timezone.now(), tick_end(windows.tick)) - HORIZON
    edited = _stored(Session.objects.filter(edited_at__gte=since))
    _reopen(windows, _take_over(windows, edited))
    _clear_earlier_ends(edited)
    if whole and len(windows):
        session_ids = windows.rows["session_id"].tolist()
        known = _stored(Session.objects.filter(pk__in=session_ids))
        _take_over(windows, known)
        _clear_earlier_ends(known)
        deleted = ~np.isin(windows.rows["session_id"], [session.session_id for session in known])
        windows.rows["end_reason"][deleted] = EndReason.DELETED


def events_of_edited(time: datetime) -> dict[int, int]:
    """The event of each session edited since ``time`` or shortly before, by database keys.

    The results of a tick may be delivered long after it was scored, and an admin may move a session
    at any time.
    """
    since = min(timezone.now(), time) - HORIZON
    edited = Session.objects.filter(edited_at__gte=since)
    return dict(edited.values_list("pk", "event_id"))


def _stored(sessions: SessionQuerySet) -> list[_StoredSession]:
    rows = sessions.annotate(awaits=AWAITS_EVENT, by_hand=ENDED_BY_HAND).values_list(
        "pk", "external_id", "event_id", "awaits", "ended_at", "by_hand", "ended_by_hand"
    )
    return [
        _StoredSession(
            *names,
            has_ended=ended_at is not None,
            is_ended_by_hand=bool(by_hand),
            describes_earlier_end=ended_at is None and stored is not None,
        )
        for *names, ended_at, by_hand, stored in rows
    ]


def _clear_earlier_ends(sessions: Iterable[_StoredSession]) -> None:
    """Clears ``ended_by_hand`` of live sessions: it describes an end before they were reopened.

    The release before reopens and ends sessions without touching it, and may be running beside
    this one: what it leaves would be mistaken for a description of the next end.
    """
    outdated = [session.session_id for session in sessions if session.describes_earlier_end]
    if outdated:
        Session.objects.live().filter(pk__in=outdated).update(ended_by_hand=None)


def _take_over(windows: SessionWindows, sessions: list[_StoredSession]) -> list[_StoredSession]:
    """Writes events and ends into the rows; returns the sessions without a row."""
    if not sessions:
        return []
    index = {key: row for row, key in enumerate(windows.rows["session_id"].tolist())}
    without_row = []
    for session in sessions:
        row = index.get(session.session_id)
        if row is None:
            without_row.append(session)
            continue
        if windows.external_ids[row] != session.external_id:
            without_row.append(session)
            windows.epoch = ""
            continue
        windows.rows["event_id"][row] = session.event_id
        if session.awaits_event:
            # The stand-in may no longer be assigned to anybody: ask at the next named event.
            windows.rows["event_is_known"][row] = False
        if session.is_ended_by_hand:
            windows.rows["end_reason"][row] = EndReason.ANNOUNCED
    return without_row


def _reopen(windows: SessionWindows, sessions: Iterable[_StoredSession]) -> None:
    """Gives live sessions that still have a tombstone a row again."""
    for session in sessions:
        if not session.has_ended and session.external_id in windows.tombstones:
            del windows.tombstones[session.external_id]
            rows = np.zeros(1, ROW)
            rows["session_id"], rows["event_id"] = session.session_id, session.event_id
            rows["last_seen"] = windows.tick
            windows.add_sessions([session.external_id], rows)
