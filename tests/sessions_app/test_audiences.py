"""Presence, polls and identities against models that are slow and obvious."""

from collections import Counter
from operator import itemgetter

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sessions_app import audiences, identities, polls
from sessions_app.events import EventKind
from sessions_app.tables import Table
from sessions_app.windows import ROW

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


def audience_events(items: list[tuple[int, int, EventKind]]) -> audiences.UserEvents:
    rows, users, kinds = zip(*items, strict=True)
    return audiences.UserEvents(
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
    table = Table(np.zeros(0, np.int64), np.zeros(0, audiences.USER))
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
        table, movements = audiences.fold(table, audience_events(items), tick, 2)
        audiences.summarise(table, windows, np.arange(2), tick)
        for row in range(2):
            users = [user for key, user in model.items() if key[0] == row]
            assert movements.left[row] == sum(key[0] == row for key in left)
            assert movements.joined[row] == sum(key[0] == row for key in joined)
            assert windows["total"][row] == len(users)
            assert windows["connected"][row] == sum(user.connected for user in users)
            assert windows["fading"][row].sum() == sum(
                not user.connected and user.heard > tick - 12 for user in users
            )
            assert windows["departures"][row].sum() == sum(user.left > tick - 12 for user in users)


def test_a_full_audience_forgets_those_away_longest_but_counts_them(monkeypatch) -> None:
    monkeypatch.setattr(audiences, "MAXIMUM_USERS", 3)
    users = np.zeros(5, audiences.USER)
    users["user"] = [1, 2, 3, 4, 5]
    users["heard"] = [50, 10, 40, 20, 30]
    users["connected"] = [False, True, False, False, False]
    windows = np.zeros(1, ROW)
    table = audiences.forget_absent(Table(np.zeros(5, np.int64), users), windows)
    audiences.summarise(table, windows, np.arange(1), 60)
    assert sorted(table.records["user"].tolist()) == [1, 2, 3]
    assert windows["total"].tolist() == [5]


ballots = st.lists(
    st.tuples(
        st.integers(0, 1),  # session
        st.integers(1, 3),  # poll
        st.integers(1, 5),  # voter
        st.booleans(),  # closing?
        st.integers(0, 2),  # millisecond
    ),
    min_size=1,
    max_size=10,
)


@given(st.lists(ballots, min_size=1, max_size=8), st.integers(0, 6))
def test_polls_follow_every_vote(
    ticks: list[list[tuple[int, int, int, bool, int]]], present: int
) -> None:
    empty = Table(np.zeros(0, np.int64), np.zeros(0, polls.POLL))
    tables = polls.PollTables(empty, Table(np.zeros(0, np.int64), np.zeros(0, polls.BALLOT)))
    voters: dict[tuple[int, int], set[int]] = {}
    base: dict[tuple[int, int], int] = {}
    shut: set[tuple[int, int]] = set()
    for tick, items in enumerate(ticks, TICK):
        active = np.array([present + tick - TICK] * 2)
        begun, was_shut = set(base), set(shut)
        new = Counter[int]()
        # Within a millisecond, votes come first.
        for row, poll, voter, closing, _ in sorted(items, key=itemgetter(4, 3)):
            if closing:
                shut.add((row, poll))
            elif (row, poll) not in shut:
                base.setdefault((row, poll), max(1, int(active[row])))
                cast = voters.setdefault((row, poll), set())
                new[row] += voter not in cast
                cast.add(voter)
        columns = (np.array(column) for column in zip(*items, strict=True))
        rows, ids, users, closings, times = columns
        events = polls.PollEvents(
            rows.astype(np.int64),
            (ids + 100 * rows).astype(np.uint64),
            np.where(closings, 0, users + 100 * rows).astype(np.uint64),
            np.where(closings, EventKind.POLL_CLOSED, EventKind.VOTE).astype(np.uint8),
            (times.astype(np.uint64) << np.uint64(32)) + np.arange(len(items), dtype=np.uint64),
        )
        tables, counted, moments = polls.fold(tables, events, tick, active)
        told = [(row, int(poll) - 100 * row, *rest) for row, poll, *rest in _spelled_out(moments)]
        first_votes = [
            (*key, False, len(voters[key]), base[key]) for key in base.keys() - begun - shut
        ]
        closings = [
            (*key, True, len(voters.get(key, ())), base.get(key, max(1, int(active[key[0]]))))
            for key in shut - was_shut
        ]
        assert sorted(told) == sorted(first_votes + closings)
        assert counted.tolist() == [new[0], new[1]]
        expected = [
            max(
                (
                    min(1.0, len(cast) / base[key])
                    for key, cast in voters.items()
                    if key[0] == row and key not in shut
                ),
                default=0.0,
            )
            for row in range(2)
        ]
        assert polls.participation(tables, 2).tolist() == expected


def _spelled_out(moments: polls.Moments) -> list[tuple[int, ...]]:
    return [*zip(*(column.tolist() for column in moments), strict=True)]


def test_a_session_keeps_a_bounded_number_of_polls() -> None:
    empty = Table(np.zeros(0, np.int64), np.zeros(0, polls.POLL))
    tables = polls.PollTables(empty, Table(np.zeros(0, np.int64), np.zeros(0, polls.BALLOT)))
    for tick in range(1, 100):
        events = polls.PollEvents(
            np.zeros(1, np.int64),
            np.array([tick], np.uint64),
            np.array([7], np.uint64),
            np.array([EventKind.VOTE], np.uint8),
            np.zeros(1, np.uint64),
        )
        tables, _, _ = polls.fold(tables, events, tick, np.array([10]))
    assert len(tables.polls.records) == len(tables.ballots.records) == polls.MAXIMUM_POLLS
    assert min(tables.polls.records["touched"]) == 100 - polls.MAXIMUM_POLLS


arrivals = st.lists(
    st.tuples(st.integers(1, 4), st.booleans(), st.just(None)), min_size=0, max_size=10
)


@given(st.lists(arrivals, min_size=1, max_size=6), st.booleans())
def test_copies_count_once(ticks: list[list[tuple[int, bool, None]]], repeatable: bool) -> None:
    seen = np.zeros(0, identities.SEEN)
    stream, pubsub = Counter[int](), Counter[int]()
    counted = 0
    for items in ticks:
        batch = identities.Arrivals(
            np.array([identity for identity, _, _ in items], dtype=np.uint64),
            np.array([published for _, published, _ in items], dtype=np.bool_),
            np.full(len(items), repeatable),
        )
        counted += int(identities.count_once(batch, seen).counts.sum())
        seen = np.concatenate([seen, identities.seen_records(batch)])
        for identity, published, _ in items:
            (pubsub if published else stream)[identity] += 1
        if repeatable:
            assert counted == (stream | pubsub).total()
        else:
            assert counted == len(stream | pubsub)
