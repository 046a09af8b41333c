"""Who is in a session: connected, or heard from within the last minute.

Users are known by 64-bit identities only. One table per session holds everybody who has been in it;
only the tables of sessions in which somebody did something are touched at a tick.

When a table is lost, the windows still say how many were there. That many *unnamed* people, with
the identity 0, stand in for them. A stranger who is heard from takes the place of one of them, and
so does one who leaves: he was among those who were there. Who joins is new, though: if he was there
before, because he joins twice, he counts as two until the session is over.
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

# 3.4 MB; beyond, those who have been away longest are counted but no longer known.
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
    """The tables of the sessions ``rows``, with unnamed people in place of those that are lost.

    Args:
        rows: sorted.
        blobs: one for each of ``rows``.
        windows: of all sessions; says how many people there were, and is told what is lost.
        tick: the one that the windows have come to.
    """
    table, lost = unpack_table(rows, blobs, FORM)
    known = windows["total"] > windows["forgotten"]
    for row, blob in zip(rows.tolist(), blobs, strict=True):
        if not blob and known[row]:
            lost.append(LostTable(FORM.kind, row, "missing", b""))
    for gone in lost:
        people = _unnamed_people(windows[gone.row], tick)
        windows["forgotten"][gone.row] = windows["total"][gone.row] - len(people)
        windows["lost_at"][gone.row] = tick
        table = append(table, np.full(len(people), gone.row), people)
    return Unpacked(in_order(table) if lost else table, lost)


def _unnamed_people(window: np.void, tick: int) -> Records:
    """As many people as the window of a session counts: connected, recent, and just gone."""
    ticks = np.arange(tick, tick - WINDOW_TICKS, -1)
    recent, departures = (window[name][ticks % WINDOW_TICKS] for name in ("recent", "departures"))
    counts = np.array([window["connected"], *recent, *departures], np.int64)
    # Those who left and came back are in two of these numbers.
    limit = min(int(window["total"]), MAXIMUM_USERS)
    counts = np.diff(np.minimum(np.cumsum(counts), limit), prepend=0)
    people = np.zeros(len(counts), USER)
    people["connected"][0] = True
    people["last_seen"][1 : WINDOW_TICKS + 1] = ticks
    people["last_left"][WINDOW_TICKS + 1 :] = ticks
    return np.repeat(people, counts)


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


class _Doings(NamedTuple):
    """What each user did in the tick, one element per user, sorted by user; positions in time,
    -1 for never."""

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
        """Nobody."""
        return cls(np.zeros(row_count, np.int64), np.zeros(row_count, np.int64))


def _doings(events: UserEvents) -> _Doings:
    order = np.lexsort((events.order, events.users))
    users, kinds = events.users[order], events.kinds[order]
    starts = np.flatnonzero(np.concatenate([[True], users[1:] != users[:-1]]))
    positions = np.arange(len(users), dtype=np.int64)
    leaves = kinds == EventKind.LEAVE

    def last(chosen: NDArray[np.bool_]) -> NDArray[np.int64]:
        return np.maximum.reduceat(np.where(chosen, positions, -1), starts)

    never = len(users)
    first_sign = np.minimum.reduceat(np.where(leaves, never, positions), starts)
    return _Doings(
        rows=events.rows[order][starts],
        users=users[starts],
        begins_with_join=kinds[starts] == EventKind.JOIN,
        last_join=last(kinds == EventKind.JOIN),
        last_leave=last(leaves),
        first_sign=np.where(first_sign == never, -1, first_sign),
        last_sign=last(~leaves),
    )


def fold(table: Table, events: UserEvents, tick: int, row_count: int) -> tuple[Table, Movements]:
    """Brings the tables of the sessions that ``events`` touches up to date.

    A leave ends both connection and recent signs of life. It counts unless the user had left before
    and was not heard from since, so that a leave that is announced twice is one.

    Args:
        table: records of :data:`USER` of all sessions in ``events``.
        events: at least one.
        tick: the tick the events belong to.
        row_count: number of sessions, for the counts.
    """
    doings = _doings(events)
    positions, known = positions_of(doings.users, table.records["user"])
    index = np.full(len(doings.users), -1, dtype=np.int64)
    index[positions[known]] = np.flatnonzero(known)
    _name_strangers(table, doings, index, tick)
    table = append(table, *_newcomers(doings, index))
    index[index < 0] = np.arange(len(known), len(table.records))

    before = table.records[index]
    has_left = doings.last_leave >= 0
    gone_already = ~before["connected"] & (before["last_seen"] == 0) & (before["last_left"] > 0)
    back_first = (doings.first_sign >= 0) & (doings.first_sign < doings.last_leave)
    leaves = has_left & (~gone_already | back_first)

    after = before.copy()
    after["connected"] = np.where(
        doings.last_join > doings.last_leave, True, before["connected"] & ~has_left
    )
    after["last_seen"] = np.where(
        doings.last_sign > doings.last_leave, tick, np.where(has_left, 0, before["last_seen"])
    )
    after["last_left"] = np.where(leaves, tick, before["last_left"])
    table.records[index] = after
    joins = (doings.last_join >= 0) & ~before["connected"]
    return table, Movements(
        joined=np.bincount(doings.rows[joins], minlength=row_count),
        left=np.bincount(doings.rows[leaves], minlength=row_count),
    )


def _name_strangers(table: Table, doings: _Doings, index: NDArray[np.int64], tick: int) -> None:
    """Gives strangers the places of unnamed people: of those connected, then of those heard last.

    Args:
        table: changed in place.
        doings: of the tick.
        index: where in the table each user of ``doings`` is, -1 for strangers; changed in place.
        tick: the one of the doings.
    """
    users = table.records
    places = np.flatnonzero(users["user"] == UNNAMED)
    strangers = np.flatnonzero((index < 0) & ~doings.begins_with_join)
    if not (len(places) and len(strangers)):
        return
    heard = users["last_seen"].astype(np.int64)
    places = places[users["connected"][places] | (heard[places] > tick - WINDOW_TICKS)]
    rows = table.rows[places]
    places = places[np.lexsort((-heard[places], ~users["connected"][places], rows))]
    strangers = strangers[np.argsort(doings.rows[strangers], kind="stable")]
    positions, found = positions_of(
        _numbered(table.rows[places]), _numbered(doings.rows[strangers])
    )
    index[strangers[found]] = places[positions[found]]
    users["user"][places[positions[found]]] = doings.users[strangers[found]]


def _numbered(rows: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Row and rank within the row as one number; ``rows`` must be sorted."""
    return (rows.astype(np.uint64) << np.uint64(32)) | ranks(rows).astype(np.uint64)


def _newcomers(
    doings: _Doings, index: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.void]]:
    new = index < 0
    records = np.zeros(int(new.sum()), USER)
    records["user"] = doings.users[new]
    return doings.rows[new], records


def summarise(table: Table, windows: Rows, touched: NDArray[np.int64], tick: int) -> None:
    """Writes what the tables of the ``touched`` sessions add up to into their windows."""
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
    """Users by session and by the bucket of the tick in column ``name``, if it is in the window."""
    when = table.records[name].astype(np.int64)
    recent = chosen & (when > tick - WINDOW_TICKS) & (when <= tick)
    cells = table.rows[recent] * WINDOW_TICKS + when[recent] % WINDOW_TICKS
    return np.bincount(cells, minlength=count * WINDOW_TICKS).reshape(count, WINDOW_TICKS)


def forget_absent(table: Table, windows: Rows) -> Table:
    """Keeps every table within :data:`MAXIMUM_USERS`: drops those who have been away longest."""
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
