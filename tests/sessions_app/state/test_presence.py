"""Presence and identities against models that are slow and obvious."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessions_app.events.decoding import EventKind
from sessions_app.state import deduplication, presence
from sessions_app.state.packed_tables import LostTable, Table, empty_table, pack_table
from sessions_app.state.session_windows import ROW, SessionWindows

TICK = 1_000
doings = st.lists(
    st.tuples(
        st.integers(0, 1),  # session
        st.integers(1, 4),  # user
        st.sampled_from([EventKind.JOIN, EventKind.LEAVE, EventKind.USER_SIGN]),
    ),
    min_size=1,
    max_size=12,
)


def audience_events(items: list[tuple[int, int, EventKind]]) -> presence.UserEvents:
    rows, users, kinds = zip(*items, strict=True)
    return presence.UserEvents(
        np.array(rows, dtype=np.int64),
        # The identity of a user is unique over sessions.
        np.array(users, dtype=np.uint64) + 100 * np.array(rows, dtype=np.uint64),
        np.array(kinds, dtype=np.uint8),
        np.arange(len(items), dtype=np.uint64),
    )


class Model:
    """One user of one session, event by event."""

    def __init__(self) -> None:
        self.connected, self.heard, self.left = False, 0, 0

    def apply(self, kind: EventKind, tick: int) -> bool:
        """Whether it is a leave that counts."""
        if kind is not EventKind.LEAVE:
            self.connected = self.connected or kind is EventKind.JOIN
            self.heard = tick
            return False
        gone = not self.connected and not self.heard and bool(self.left)
        self.connected, self.heard = False, 0
        if not gone:
            self.left = tick
        return not gone


@given(st.lists(doings, min_size=1, max_size=20))
def test_audiences_follow_every_event(ticks: list[list[tuple[int, int, EventKind]]]) -> None:
    table = empty_table(presence.USER)
    windows = np.zeros(2, ROW)
    model: dict[tuple[int, int], Model] = {}
    for tick, items in enumerate(ticks, TICK):
        connected_before = {key for key, user in model.items() if user.connected}
        left, joined = set(), set()
        for row, user, kind in items:
            if model.setdefault((row, user), Model()).apply(kind, tick):
                left.add((row, user))
            if kind is EventKind.JOIN and (row, user) not in connected_before:
                joined.add((row, user))
        table, movements = presence.fold(table, audience_events(items), tick, 2)
        presence.summarise(table, windows, np.arange(2), tick)
        for row in range(2):
            users = [user for key, user in model.items() if key[0] == row]
            assert movements.left[row] == sum(key[0] == row for key in left)
            assert movements.joined[row] == sum(key[0] == row for key in joined)
            assert windows["total"][row] == len(users)
            assert windows["connected"][row] == sum(user.connected for user in users)
            assert windows["recent"][row].sum() == sum(
                not user.connected and user.heard > tick - 12 for user in users
            )
            assert windows["departures"][row].sum() == sum(user.left > tick - 12 for user in users)


def test_a_full_audience_forgets_those_away_longest_but_counts_them(monkeypatch) -> None:
    monkeypatch.setattr(presence, "MAXIMUM_USERS", 3)
    users = np.zeros(5, presence.USER)
    users["user"] = [1, 2, 3, 4, 5]
    users["last_seen"] = [50, 10, 40, 20, 30]
    users["connected"] = [False, True, False, False, False]
    windows = np.zeros(1, ROW)
    table = presence.forget_absent(Table(np.zeros(5, np.int64), users), windows)
    presence.summarise(table, windows, np.arange(1), 60)
    assert sorted(table.records["user"].tolist()) == [1, 2, 3]
    assert windows["total"].tolist() == [5]


@pytest.mark.parametrize("sessions", [4, 5])
def test_full_audiences_lose_their_own_people_only(monkeypatch, sessions: int) -> None:
    monkeypatch.setattr(presence, "MAXIMUM_USERS", 3)
    sizes = [2, 5, 3, 4]
    users = np.zeros(sum(sizes), presence.USER)
    users["user"] = np.arange(sum(sizes))
    users["last_left"] = users["user"]
    windows = np.zeros(sessions, ROW)
    windows["forgotten"][:2] = [6, 7]
    rows = np.repeat(np.arange(4), sizes)
    table = presence.forget_absent(Table(rows, users), windows)
    assert dict(zip(table.records["user"].tolist(), table.rows.tolist(), strict=True)) == {
        **{0: 0, 1: 0},
        **{4: 1, 5: 1, 6: 1},
        **{7: 2, 8: 2, 9: 2},
        **{11: 3, 12: 3, 13: 3},
    }
    assert windows["forgotten"].tolist() == [6, 9, 0, 1, 0][:sessions]


def test_an_audience_that_is_just_full_stays_as_it_is(monkeypatch) -> None:
    monkeypatch.setattr(presence, "MAXIMUM_USERS", 3)
    users = np.zeros(3, presence.USER)
    users["user"], users["last_seen"] = [1, 2, 3], [30, 10, 20]
    table = presence.forget_absent(Table(np.zeros(3, np.int64), users), np.zeros(1, ROW))
    assert table.records["user"].tolist() == [1, 2, 3]


@pytest.mark.parametrize("tick", [1, TICK])
def test_a_leave_counts_again_only_after_a_sign(tick: int) -> None:
    table = empty_table(presence.USER)

    def left(later: int, *kinds: EventKind) -> int:
        nonlocal table
        events = audience_events([(0, 1, kind) for kind in kinds])
        table, movements = presence.fold(table, events, tick + later, 1)
        return int(movements.left[0])

    leave, sign = EventKind.LEAVE, EventKind.USER_SIGN
    assert left(0, leave) == 1
    assert left(1, leave) == 0
    assert left(2, leave, leave) == 0
    assert left(3, leave, sign) == 0
    assert left(4, leave) == 1
    assert left(5, sign, leave) == 1
    assert table.records.tolist() == [(1, 0, tick + 5, False)]


# What a room looks like before its table is lost: who does what, in ticks before this one.
BEFORE = [
    (TICK - 30, 0, 1, EventKind.JOIN),
    (TICK - 30, 0, 2, EventKind.JOIN),
    (TICK - 30, 0, 3, EventKind.JOIN),
    (TICK - 20, 0, 4, EventKind.USER_SIGN),
    (TICK - 8, 0, 5, EventKind.USER_SIGN),
    (TICK - 3, 0, 6, EventKind.USER_SIGN),
    (TICK - 3, 0, 3, EventKind.LEAVE),
    (TICK - 3, 1, 7, EventKind.JOIN),
]


def lived_through(
    items: list[tuple[int, int, int, EventKind]],
) -> tuple[Table, SessionWindows]:
    """Tables and windows at the end of the last tick before this one."""
    windows = SessionWindows(TICK - 40)
    windows.add_sessions(["a", "b"], np.zeros(2, ROW))
    table = empty_table(presence.USER)
    for tick in range(TICK - 39, TICK):
        windows.open_tick(tick)
        if happened := [item[1:] for item in items if item[0] == tick]:
            table, _ = presence.fold(table, audience_events(happened), tick, 2)
        presence.summarise(table, windows.rows, np.arange(2), tick)
        windows.close_tick()
    return table, windows


def without_first(
    table: Table, windows: SessionWindows, unreadable: bytes | None
) -> tuple[Table, list[LostTable]]:
    """The tables at the next tick, when that of the first session has become ``unreadable``."""
    windows.open_tick(TICK)
    [_, second] = pack_table(table, np.arange(2), presence.FORM)
    blobs = [unreadable, second]
    read, lost = presence.unpack(np.arange(2), blobs, windows.rows, TICK)
    presence.summarise(read, windows.rows, np.arange(2), TICK)
    return read, lost


def counted(windows: SessionWindows) -> dict[str, list[int]]:
    return {
        "connected": windows.rows["connected"].tolist(),
        "recent": windows.rows["recent"].sum(axis=1).tolist(),
        "departures": windows.rows["departures"].sum(axis=1).tolist(),
        "total": windows.rows["total"].tolist(),
    }


@pytest.mark.parametrize(
    ("unreadable", "reason"),
    [(b"a byte too many", "no header, and 15 bytes"), (None, "missing"), (b"", "missing")],
)
def test_a_room_whose_table_is_lost_keeps_its_people(unreadable: bytes | None, reason: str) -> None:
    table, windows = lived_through(BEFORE)
    before = counted(windows)
    read, lost = without_first(table, windows, unreadable)
    assert counted(windows) == before
    assert before == {
        "connected": [2, 1],
        "recent": [2, 0],
        "departures": [1, 0],
        "total": [6, 1],
    }
    assert lost == [LostTable("audiences", 0, reason, unreadable or b"")]
    assert windows.rows["lost_at"].tolist() == [TICK, 0]
    # They are stored, and read again, as they are.
    again = presence.unpack(
        np.arange(2), pack_table(read, np.arange(2), presence.FORM), windows.rows, TICK
    )
    assert not again.lost
    assert again.table.records.tolist() == read.records.tolist()


def test_those_who_were_heard_from_before_the_loss_fade_as_they_would_have() -> None:
    table, windows = lived_through(BEFORE)
    read, _ = without_first(table, windows, None)
    windows.close_tick()
    active = []
    for tick in range(TICK + 1, TICK + 12):
        windows.open_tick(tick)
        presence.summarise(read, windows.rows, np.arange(2), tick)
        windows.close_tick()
        active.append(int(windows.active_users()[0]))
    # Heard from 8 and 3 ticks before: until 12 ticks have passed.
    assert active == [4, 4, 4, 3, 3, 3, 3, 3, 2, 2, 2]
    assert not windows.recovering_rows()[0] or windows.tick - TICK < 12


def after_loss(items: list[tuple[int, int, EventKind]]) -> tuple[dict[str, list[int]], list[int]]:
    """What the windows count after these events of the tick in which the table is lost."""
    table, windows = lived_through(BEFORE)
    read, _ = without_first(table, windows, b"junk")
    read, movements = presence.fold(read, audience_events(items), TICK, 2)
    presence.summarise(read, windows.rows, np.arange(2), TICK)
    return counted(windows), [int(movements.joined[0]), int(movements.left[0])]


@pytest.mark.parametrize(
    ("items", "expected", "moved"),
    [
        # A stranger was one of those connected; a second too; then those who fade; then nobody.
        ([(0, 11, EventKind.CHAT)], (2, 2, 1, 6), [0, 0]),
        ([(0, 11, EventKind.CHAT), (0, 12, EventKind.VOTE)], (2, 2, 1, 6), [0, 0]),
        ([(0, n, EventKind.USER_SIGN) for n in (11, 12, 13, 14)], (2, 2, 1, 6), [0, 0]),
        ([(0, n, EventKind.USER_SIGN) for n in range(11, 16)], (2, 3, 1, 7), [0, 0]),
        # Who leaves was there, and who comes in is new.
        ([(0, 11, EventKind.LEAVE)], (1, 2, 2, 6), [0, 1]),
        ([(0, 11, EventKind.LEAVE), (0, 11, EventKind.LEAVE)], (1, 2, 2, 6), [0, 1]),
        ([(0, 11, EventKind.JOIN)], (3, 2, 1, 7), [1, 0]),
        ([(0, 11, EventKind.LEAVE), (0, 11, EventKind.JOIN)], (2, 2, 2, 6), [0, 1]),
        # The other session has its table, and strangers there are new.
        ([(1, 11, EventKind.CHAT)], (2, 2, 1, 6), [0, 0]),
    ],
)
def test_strangers_take_the_places_of_unnamed_people(
    items: list[tuple[int, int, EventKind]], expected: tuple[int, ...], moved: list[int]
) -> None:
    numbers, movements = after_loss(items)
    assert tuple(column[0] for column in numbers.values()) == expected
    assert movements == moved
    assert numbers["total"][1] == 1 + sum(row == 1 for row, *_ in items)


def test_who_has_taken_a_place_takes_no_other() -> None:
    read, _ = without_first(*lived_through(BEFORE), None)
    chat = audience_events([(0, 11, EventKind.CHAT)])
    for tick in (TICK, TICK + 1):
        read, _ = presence.fold(read, chat, tick, 2)
        assert (read.records["user"] == 0).sum() == 4


def test_the_place_of_those_seen_last_is_taken_first() -> None:
    table, windows = lived_through(
        [(TICK - 8, 0, 5, EventKind.USER_SIGN), (TICK - 3, 0, 6, EventKind.USER_SIGN)]
    )
    read, _ = without_first(table, windows, None)
    read, _ = presence.fold(read, audience_events([(0, 11, EventKind.CHAT)]), TICK, 2)
    assert sorted(read.records["last_seen"].tolist()) == [TICK - 8, TICK]


@pytest.mark.parametrize(("ago", "users"), [(11, 1), (12, 2)])
def test_the_place_of_those_not_seen_for_a_minute_is_not_taken(ago: int, users: int) -> None:
    table, windows = lived_through([(TICK - 1, 0, 5, EventKind.USER_SIGN)])
    read, _ = without_first(table, windows, None)
    events = audience_events([(0, 11, EventKind.CHAT)])
    read, _ = presence.fold(read, events, TICK - 1 + ago, 2)
    assert len(read.records) == users


@given(doings)
def test_a_lost_table_never_counts_fewer_than_are_known(
    items: list[tuple[int, int, EventKind]],
) -> None:
    numbers, _ = after_loss(items)
    assert numbers["total"][0] >= 6
    assert all(min(column) >= 0 for column in numbers.values())
    assert numbers["connected"][0] + numbers["recent"][0] <= 4 + len(items)


def test_numbers_in_windows_that_cannot_be_fill_no_memory() -> None:
    windows = np.zeros(1, ROW)
    for name in ("connected", "recent", "departures", "total"):
        windows[name] = 2**32 - 1
    table, _ = presence.unpack(np.zeros(1, np.int64), [None], windows, TICK)
    assert len(table.rows) == 200_000
    assert windows["forgotten"] == 2**32 - 1 - 200_000


@pytest.mark.parametrize("users", [0, 5])
def test_a_table_without_anybody_to_remember_is_not_missing(users: int) -> None:
    windows = np.zeros(1, ROW)
    windows["total"] = windows["forgotten"] = users
    table, lost = presence.unpack(np.zeros(1, np.int64), [None], windows, TICK)
    assert (len(table.rows), lost) == (0, [])
    assert (windows["forgotten"].tolist(), windows["lost_at"].tolist()) == ([users], [0])


@pytest.mark.parametrize("flag", [2, 255])
def test_users_who_are_neither_connected_nor_not_are_lost(flag: int) -> None:
    users = np.zeros(1, presence.USER)
    users["connected"].view(np.uint8)[0] = flag
    [blob] = pack_table(Table(np.zeros(1, np.int64), users), np.zeros(1, np.int64), presence.FORM)
    _, lost = presence.unpack(np.zeros(1, np.int64), [blob], np.zeros(1, ROW), TICK)
    assert lost == [LostTable("audiences", 0, "impossible numbers", blob)]


def test_ticks_that_are_still_to_come_are_no_recent_ones() -> None:
    users = np.zeros(2, presence.USER)
    users["user"], users["last_seen"], users["last_left"] = (
        [1, 2],
        [TICK, TICK + 50],
        [0, 2**32 - 1],
    )
    windows = np.zeros(1, ROW)
    presence.summarise(Table(np.zeros(2, np.int64), users), windows, np.arange(1), TICK)
    assert (windows["recent"].sum(), windows["departures"].sum()) == (1, 0)


def test_where_nobody_moves_the_counts_are_zero_and_whole() -> None:
    for column in presence.Movements.none(2):
        assert (column.dtype, column.tolist()) == (np.int64, [0, 0])


def test_tables_of_the_release_before_are_read() -> None:
    users = np.zeros(2, presence.USER)
    users["user"], users["connected"] = [5, 6], [True, False]
    windows = np.zeros(1, ROW)
    windows["total"] = 2
    [table, lost] = presence.unpack(np.zeros(1, np.int64), [users.tobytes()], windows, TICK)
    assert (table.records.tolist(), lost) == (users.tolist(), [])


arrivals = st.lists(
    st.tuples(st.integers(1, 4), st.booleans(), st.just(None)), min_size=0, max_size=10
)


@given(st.lists(arrivals, min_size=1, max_size=6), st.booleans())
def test_copies_count_once(ticks: list[list[tuple[int, bool, None]]], repeatable: bool) -> None:
    seen = np.zeros(0, deduplication.SEEN)
    stream, pubsub = Counter[int](), Counter[int]()
    counted = 0
    for items in ticks:
        batch = deduplication.Arrivals(
            np.array([identity for identity, _, _ in items], dtype=np.uint64),
            np.array([published for _, published, _ in items], dtype=np.bool_),
            np.full(len(items), repeatable),
        )
        counted += int(deduplication.count_once(batch, seen).counts.sum())
        seen = np.concatenate([seen, deduplication.seen_records(batch)])
        for identity, published, _ in items:
            (pubsub if published else stream)[identity] += 1
        if repeatable:
            assert counted == (stream | pubsub).total()
        else:
            assert counted == len(stream | pubsub)


def test_what_was_seen_survives_being_stored_and_bad_ticks_are_told_apart() -> None:
    seen = np.zeros(3, deduplication.SEEN)
    seen["identity"], seen["pubsub"] = [3, 2, 1], [True, False, True]
    bare, headed = seen[:1].tobytes(), deduplication.pack(seen)
    blobs = [bare, headed[:-1], deduplication.pack(seen[:0]), headed, b"\xff" * 9]
    read, lost = deduplication.unpack(blobs)
    assert read.tolist() == [*seen[:1].tolist(), *seen.tolist()]
    assert [(tick.row, tick.data) for tick in lost] == [(-1, blobs[1]), (-1, blobs[4])]
