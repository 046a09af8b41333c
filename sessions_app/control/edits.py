"""What admins do to live sessions by hand, brought to the scorer's windows."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from django.utils import timezone

from sessions_app.models import Session
from sessions_app.state.session_windows import ROW, Over, SessionWindows
from sessions_app.ticks import tick_end

# A change is committed somewhat later than its time says, and a tick may be scored late.
HORIZON = timedelta(minutes=2)
_FIELDS = ("pk", "external_id", "event_id", "stand_in_id", "ended_at", "edited_at")


def follow_edits(windows: SessionWindows, whole: bool = False) -> None:
    """Takes over what has been edited lately: events, ends, and sessions that are live again.

    A row is a session's where key and ID agree. Where a key is another session's by now, the epoch
    of the windows is forgotten, so that all of them are looked up again.

    Args:
        windows: changed in place; the next tick is the last one of sessions that were ended.
        whole: whether to compare all sessions, so that those that were deleted are noticed too.
    """
    if not len(windows) and not windows.tombstones:
        return
    since = min(timezone.now(), tick_end(windows.tick)) - HORIZON
    edited = list(Session.objects.filter(edited_at__gte=since).values_list(*_FIELDS))
    _reopen(windows, _take_over(windows, edited))
    if whole and len(windows):
        session_ids = windows.rows["session_id"].tolist()
        known = list(Session.objects.filter(pk__in=session_ids).values_list(*_FIELDS))
        _take_over(windows, known)
        deleted = ~np.isin(windows.rows["session_id"], [session[0] for session in known])
        windows.rows["over"][deleted] = Over.DELETED


def events_of_edited(time: datetime) -> dict[int, int]:
    """The event of each session that was edited since ``time`` or shortly before, by keys.

    A tick may be told long after it was scored, and an admin moves sessions at any time.
    """
    since = min(timezone.now(), time) - HORIZON
    edited = Session.objects.filter(edited_at__gte=since)
    return dict(edited.values_list("pk", "event_id"))


def _take_over(windows: SessionWindows, sessions: list[Any]) -> list[Any]:
    """Writes events and ends into the rows; returns the sessions that have none."""
    if not sessions:
        return []
    rows = {key: row for row, key in enumerate(windows.rows["session_id"].tolist())}
    strangers = []
    for session in sessions:
        key, external_id, event_id, stand_in_id, ended_at, edited_at = session
        if key not in rows:
            strangers.append(session)
            continue
        if windows.external_ids[rows[key]] != external_id:
            strangers.append(session)
            windows.epoch = ""
            continue
        windows.rows["event_id"][rows[key]] = event_id
        if event_id == stand_in_id:
            # Perhaps nobody is assigned to it any more: the next word of the platform decides.
            windows.rows["event_is_known"][rows[key]] = False
        if _ended_by_hand(ended_at, edited_at):
            windows.rows["over"][rows[key]] = Over.ANNOUNCED
    return strangers


def _ended_by_hand(ended_at: datetime | None, edited_at: datetime | None) -> bool:
    return ended_at is not None and edited_at is not None and edited_at >= ended_at


def _reopen(windows: SessionWindows, sessions: Iterable[Any]) -> None:
    """Gives those a row again that have a tombstone, but are not over."""
    for key, external_id, event_id, _, ended_at, _ in sessions:
        if ended_at is None and external_id in windows.tombstones:
            del windows.tombstones[external_id]
            rows = np.zeros(1, ROW)
            rows["session_id"], rows["event_id"], rows["last_seen"] = key, event_id, windows.tick
            windows.add_sessions([external_id], rows)
