"""Presence: who is in a session, connected or seen within the last minute.

Users are represented by 64-bit identities only. One table per session lists everybody who has been
in it; a tick touches only the tables of sessions in which somebody did something.

When a table is lost, the windows still know how many users were present. That many *unnamed* users,
with the identity 0, replace them. An unknown user who acts or leaves takes the place of one of
them, as they must have been present before. One who joins counts as new: a user who joins a second
time counts twice until the session ends.
"""

from collections.abc import Sequence
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from sessions_app.events.decoding import EventKind
from sessions_app.state.packed_tables import (
    Form,
    LostTable,
    Records,
    Table,
    Unpacked,
    append,
    in_order,
    positions_of,
    ranks,
    unpack_table,
)
from sessions_app.state.session_windows import Rows
from sessions_app.ticks import WINDOW_TICKS

# 3.4 MB. Beyond that, the users absent for longest are still counted but no longer listed.
MAXIMUM_USERS = 200_000

USER = np.dtype([("user", "<u8"), ("last_seen", "<u4"), ("last_left", "<u4"), ("connected", "?")])
UNNAMED = np.uint64(0)


def _is_sound(users: Records) -> NDArray[np.bool_]:
    flags: NDArray[np.bool_] = users["connected"].view(np.uint8) <= 1
    return flags


def _read_bare(data: bytes) -> Records:
    return np.frombuffer(data, USER)


FORM = Form("audiences", 1, USER, _is_sound, _read_bare)


def unpack(
    rows: NDArray[np.int64], blobs: Sequence[bytes | None], windows: Rows, tick: int
) -> Unpacked:
    """The tables of the sessions ``rows``, with unnamed users in place of lost tables.

    Args:
        rows: sorted.
        blobs: one for each of ``rows``.
        windows: of all sessions; tell how many users there were, and record losses.
        tick: the last tick in the windows.
    """
    table, lost = unpack_table(rows, blobs, FORM)
    known = windows["total"] > windows["forgotten"]
    for row, blob in zip(rows.tolist(), blobs, strict=True):
        if not blob and known[row]:
            lost.append(LostTable(FORM.kind, row, "missing", b""))
    for missing in lost:
        users = _unnamed_users(windows[missing.row], tick)
        windows["forgotten"][missing.row] = windows["total"][missing.row] - len(users)
        windows["lost_at"][missing.row] = tick
        table = append(table, np.full(len(users), missing.row), users)
    return Unpacked(in_order(table) if lost else table, lost)


def _unnamed_users(window: np.void, tick: int) -> Records:
    """As many users as the window of a session counts: connected, recent, and just departed."""
    ticks = np.arange(tick, tick - WINDOW_TICKS, -1)
    recent, departures = (window[name][ticks % WINDOW_TICKS] for name in ("recent", "departures"))
    counts = np.array([window["connected"], *recent, *departures], np.int64)
    # Users who left and came back are in two of these numbers.
    limit = min(int(window["total"]), MAXIMUM_USERS)
    counts = np.diff(np.minimum(np.cumsum(counts), limit), prepend=0)
    users = np.zeros(len(counts), USER)
    users["connected"][0] = True
    users["last_seen"][1 : WINDOW_TICKS + 1] = ticks
    users["last_left"][WINDOW_TICKS + 1 :] = ticks
    return np.repeat(users, counts)


class UserEvents(NamedTuple):
    """What users did in one tick: equal-length arrays.

    Attributes:
        rows: the session of each event.
        users: identity of the user within the session, never 0.
        kinds: :class:`EventKind`.
        order: order of arrival within the tick.
    """

    rows: NDArray[np.int64]
    users: NDArray[np.uint64]
    kinds: NDArray[np.uint8]
    order: NDArray[np.uint64]


class _UserActivity(NamedTuple):
    """What each user did in the tick: one element per user, sorted by user.

    Times are positions in the order of arrival. For never, the first sign is the number of events,
    and the others are -1.
    """

    rows: NDArray[np.int64]
    users: NDArray[np.uint64]
    begins_with_join: NDArray[np.bool_]
    last_join: NDArray[np.int64]
    last_leave: NDArray[np.int64]
    first_sign: NDArray[np.int64]
    last_sign: NDArray[np.int64]


class Movements(NamedTuple):
    """Users who became connected, and users who left, one count per row."""

    joined: NDArray[np.int64]
    left: NDArray[np.int64]

    @classmethod
    def none(cls, row_count: int) -> Self:
        """No movements."""
        return cls(np.zeros(row_count, np.int64), np.zeros(row_count, np.int64))


def _activity(events: UserEvents) -> _UserActivity:
    order = np.lexsort((events.order, events.users))
    users, kinds = events.users[order], events.kinds[order]
    starts = np.flatnonzero(np.concatenate([[True], users[1:] != users[:-1]]))
    positions = np.arange(len(users), dtype=np.int64)
    leaves = kinds == EventKind.LEAVE

    def last(chosen: NDArray[np.bool_]) -> NDArray[np.int64]:
        return np.maximum.reduceat(np.where(chosen, positions, -1), starts)

    return _UserActivity(
        rows=events.rows[order][starts],
        users=users[starts],
        begins_with_join=kinds[starts] == EventKind.JOIN,
        last_join=last(kinds == EventKind.JOIN),
        last_leave=last(leaves),
        first_sign=np.minimum.reduceat(np.where(leaves, len(users), positions), starts),
        last_sign=last(~leaves),
    )


def fold(table: Table, events: UserEvents, tick: int, row_count: int) -> tuple[Table, Movements]:
    """Applies ``events`` to the tables of their sessions.

    A leave ends the connection and cancels recent activity. It counts unless the user had left
    before without being seen since, so a leave announced twice counts once.

    Args:
        table: records of :data:`USER` of all sessions in ``events``.
        events: at least one.
        tick: the tick the events belong to.
        row_count: number of sessions, for the counts.
    """
    activity = _activity(events)
    positions, known = positions_of(activity.users, table.records["user"])
    index = np.full(len(activity.users), -1, dtype=np.int64)
    index[positions[known]] = np.flatnonzero(known)
    _name_unknown_users(table, activity, index, tick)
    table = append(table, *_newcomers(activity, index))
    index[index < 0] = np.arange(len(known), len(table.records))

    before = table.records[index]
    has_left = activity.last_leave >= 0
    already_left = ~before["connected"] & (before["last_seen"] == 0) & (before["last_left"] != 0)
    returned_before_leaving = activity.first_sign < activity.last_leave
    leaves = has_left & (~already_left | returned_before_leaving)

    after = before.copy()
    after["connected"] = np.where(
        activity.last_join > activity.last_leave, True, before["connected"] & ~has_left
    )
    after["last_seen"] = np.where(activity.last_sign > activity.last_leave, tick, 0)
    after["last_left"] = np.where(leaves, tick, before["last_left"])
    table.records[index] = after
    joins = (activity.last_join >= 0) & ~before["connected"]
    return table, Movements(
        joined=np.bincount(activity.rows[joins], minlength=row_count),
        left=np.bincount(activity.rows[leaves], minlength=row_count),
    )


def _name_unknown_users(
    table: Table, activity: _UserActivity, index: NDArray[np.int64], tick: int
) -> None:
    """Assigns unknown users to unnamed ones: first connected ones, then those seen last.

    Args:
        table: changed in place.
        activity: of the tick.
        index: index in the table of each user of ``activity``, -1 for unknown; changed in place.
        tick: of the activity.
    """
    users = table.records
    unnamed = np.flatnonzero(users["user"] == UNNAMED)
    unknown = np.flatnonzero((index < 0) & ~activity.begins_with_join)
    if not (len(unnamed) and len(unknown)):
        return
    last_seen = users["last_seen"].astype(np.int64)
    unnamed = unnamed[users["connected"][unnamed] | (last_seen[unnamed] > tick - WINDOW_TICKS)]
    rows = table.rows[unnamed]
    unnamed = unnamed[np.lexsort((-last_seen[unnamed], ~users["connected"][unnamed], rows))]
    unknown = unknown[np.argsort(activity.rows[unknown], kind="stable")]
    positions, found = positions_of(
        _numbered(table.rows[unnamed]), _numbered(activity.rows[unknown])
    )
    index[unknown[found]] = unnamed[positions[found]]
    users["user"][unnamed[positions[found]]] = activity.users[unknown[found]]


def _numbered(rows: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Row and rank within the row, combined in one number; ``rows`` must be sorted."""
    return (rows.astype(np.uint64) << np.uint64(32)) | ranks(rows).astype(np.uint64)


def _newcomers(
    activity: _UserActivity, index: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.void]]:
    new = index < 0
    records = np.zeros(int(new.sum()), USER)
    records["user"] = activity.users[new]
    return activity.rows[new], records


def summarise(table: Table, windows: Rows, touched: NDArray[np.int64], tick: int) -> None:
    """Writes the totals of the tables of the ``touched`` sessions into their windows."""
    users, count = table.records, len(windows)
    windows["connected"][touched] = np.bincount(table.rows[users["connected"]], minlength=count)[
        touched
    ]
    seen = np.bincount(table.rows, minlength=count) + windows["forgotten"]
    windows["total"][touched] = seen[touched]
    recent = ~users["connected"]
    windows["recent"][touched] = _by_bucket(table, "last_seen", recent, tick, count)[touched]
    windows["departures"][touched] = _by_bucket(
        table, "last_left", np.ones(len(users), dtype=np.bool_), tick, count
    )[touched]


def _by_bucket(
    table: Table, name: str, chosen: NDArray[np.bool_], tick: int, count: int
) -> NDArray[np.int64]:
    """Users by session and by bucket of the tick in column ``name``, if it is in the window."""
    when = table.records[name].astype(np.int64)
    recent = chosen & (when > tick - WINDOW_TICKS) & (when <= tick)
    cells = table.rows[recent] * WINDOW_TICKS + when[recent] % WINDOW_TICKS
    return np.bincount(cells, minlength=count * WINDOW_TICKS).reshape(count, WINDOW_TICKS)


def forget_absent(table: Table, windows: Rows) -> Table:
    """Limits every table to :data:`MAXIMUM_USERS`; drops the users absent for longest."""
    sizes = np.bincount(table.rows, minlength=len(windows))
    if not (sizes > MAXIMUM_USERS).any():
        return table
    users = table.records
    last = np.maximum(users["last_seen"], users["last_left"])
    order = np.lexsort((last, users["connected"], table.rows))
    surplus = np.maximum(sizes - MAXIMUM_USERS, 0)
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    rank = np.arange(len(order)) - starts[table.rows[order]]
    kept = order[rank >= surplus[table.rows[order]]]
    windows["forgotten"] += surplus.astype(np.uint32)
    return Table(table.rows[kept], users[kept])
