"""Polls and who voted on them, against a model that is slow and obvious."""

from collections import Counter
from operator import itemgetter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessions_app.events.decoding import EventKind
from sessions_app.state import polls, presence
from sessions_app.state.packed_tables import Table, empty_table, pack_table
from sessions_app.state.poll_tables import (
    MAXIMUM_POLLS,
    POLL_FORM,
    VOTER,
    VOTER_FORM,
    PollTables,
    unpack,
)

TICK = 1_000
NOBODY = empty_table(presence.USER)


def stored(tables: PollTables) -> PollTables:
    """The tables of two sessions as they come back from where they are stored."""
    rows = np.arange(2)
    blobs = (
        pack_table(tables.polls, rows, POLL_FORM),
        pack_table(tables.voters, rows, VOTER_FORM),
    )
    read, lost = unpack(rows, *blobs, [None, None], NOBODY)
    assert not lost
    return read


def events_of(
    items: list[tuple[int, int, int, bool, int]],
) -> polls.PollEvents:
    """Events of session, poll, voter, whether it is a closing, and millisecond."""
    columns = (np.array(column) for column in zip(*items, strict=True))
    rows, ids, users, closings, times = columns
    return polls.PollEvents(
        rows.astype(np.int64),
        (ids + 100 * rows).astype(np.uint64),
        np.where(closings, 0, users + 100 * rows).astype(np.uint64),
        np.where(closings, EventKind.POLL_CLOSED, EventKind.VOTE).astype(np.uint8),
        (times.astype(np.uint64) << np.uint64(32)) + np.arange(len(items), dtype=np.uint64),
    )


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
    tables = PollTables.none()
    voters: dict[tuple[int, int], set[int]] = {}
    base: dict[tuple[int, int], int] = {}
    shut: set[tuple[int, int]] = set()
    for tick, items in enumerate(ticks, TICK):
        active = np.array([present + tick - TICK] * 2)
        begun, was_shut = set(base), set(shut)
        new, late = Counter[int](), 0
        # Within a millisecond, votes come first.
        for row, poll, voter, closing, _ in sorted(items, key=itemgetter(4, 3)):
            if closing:
                shut.add((row, poll))
            elif (row, poll) not in shut:
                base.setdefault((row, poll), max(1, int(active[row])))
                cast = voters.setdefault((row, poll), set())
                new[row] += voter not in cast
                cast.add(voter)
            else:
                late += 1
        events = events_of(items)
        folded = polls.fold(stored(tables), events, tick, active)
        tables, counted, moments = folded.tables, folded.voters, folded.moments
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
        assert folded.late_votes == late
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
    tables = PollTables.none()
    for tick in range(1, 100):
        events = polls.PollEvents(
            np.zeros(1, np.int64),
            np.array([tick], np.uint64),
            np.array([7], np.uint64),
            np.array([EventKind.VOTE], np.uint8),
            np.zeros(1, np.uint64),
        )
        tables, *_ = polls.fold(tables, events, tick, np.array([10]))
    assert len(tables.polls.records) == MAXIMUM_POLLS
    assert tables.voters.records.tolist() == [(7, 2**64 - 1)]
    assert min(tables.polls.records["touched"]) == 100 - MAXIMUM_POLLS


class Room:
    """The polls of one session, of which only so many are kept."""

    def __init__(self, kept: int) -> None:
        self.kept = kept
        # In the order in which they are stored: when it was touched, who voted, whether it is over.
        self.polls: dict[int, tuple[int, set[int], bool]] = {}

    def live_through(self, tick: int, items: list[tuple[int, int, bool, int]]) -> int:
        """How many votes were the first of their voter on their poll, as far as is known."""
        shut_before = {poll for poll, (_, _, shut) in self.polls.items() if shut}
        for poll in sorted({poll for poll, *_ in items}):
            _, cast, shut = self.polls.get(poll, (0, set(), False))
            self.polls[poll] = (tick, cast, shut)
        new = 0
        for poll, voter, closing, _ in sorted(items, key=itemgetter(3, 2)):
            _, cast, shut = self.polls[poll]
            if closing:
                self.polls[poll] = (tick, cast, True)
            elif not shut and poll not in shut_before:
                new += voter not in cast
                cast.add(voter)
        if len(self.polls) > self.kept:
            last = sorted(self.polls, key=lambda poll: -self.polls[poll][0])[: self.kept]
            self.polls = {poll: self.polls[poll] for poll in last}
        return new


@given(
    st.lists(
        st.lists(
            st.tuples(
                st.just(0),
                st.integers(1, 7),  # poll
                st.integers(1, 5),  # voter
                st.sampled_from([False, False, False, True]),  # closing?
                st.integers(0, 2),  # millisecond
            ),
            min_size=1,
            max_size=6,
        ),
        min_size=1,
        max_size=12,
    )
)
def test_a_slot_that_another_poll_gets_forgets_who_voted(
    ticks: list[list[tuple[int, int, int, bool, int]]],
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(polls, "MAXIMUM_POLLS", 3)
        room, tables = Room(3), PollTables.none()
        for tick, items in enumerate(ticks, TICK):
            new = room.live_through(tick, [item[1:] for item in items])
            folded = polls.fold(stored(tables), events_of(items), tick, np.array([5, 0]))
            tables = folded.tables
            assert folded.voters.tolist() == [new, 0]
            found = {int(record["poll"]): record for record in tables.polls.records}
            assert found.keys() == room.polls.keys()
            for poll, (_, cast, shut) in room.polls.items():
                assert (found[poll]["voters"], found[poll]["closed"]) == (len(cast), shut)
            # Who is remembered voted on an open poll, and nobody else is.
            still = {voter for _, cast, shut in room.polls.values() if not shut for voter in cast}
            assert sorted(tables.voters.records["user"].tolist()) == sorted(still)
            assert len(set(tables.polls.records["slot"].tolist())) == len(tables.polls.records)


def vote(poll: int, *voters: int) -> list[tuple[int, int, int, bool, int]]:
    return [(0, poll, voter, False, 0) for voter in voters]


def test_votes_on_more_polls_than_are_kept_count_in_their_tick() -> None:
    items = [event for poll in range(1, 91) for event in vote(poll, 1, 2)]
    folded = polls.fold(PollTables.none(), events_of(items), TICK, np.array([10, 0]))
    assert folded.voters.tolist() == [180, 0]
    assert folded.forgotten_polls == 90 - MAXIMUM_POLLS
    assert len(folded.tables.polls.records) == len(folded.moments.polls) == MAXIMUM_POLLS
    assert set(folded.moments.voters.tolist()) == {2}


def test_voters_beyond_the_limit_count_and_are_not_remembered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(polls, "MAXIMUM_VOTERS", 3)
    folded = polls.fold(PollTables.none(), events_of(vote(1, 1, 2)), TICK, np.array([10, 0]))
    folded = polls.fold(
        stored(folded.tables), events_of(vote(1, 1, 2, 3, 4, 5)), TICK + 1, np.array([10, 0])
    )
    assert (folded.voters.tolist(), folded.forgotten_voters) == ([3, 0], 2)
    assert sorted(folded.tables.voters.records["user"].tolist()) == [1, 2, 3]
    folded = polls.fold(
        stored(folded.tables), events_of(vote(1, 1, 4)), TICK + 2, np.array([10, 0])
    )
    assert folded.voters.tolist() == [1, 0]


def test_what_voters_take_does_not_grow_with_polls() -> None:
    people, tables = np.arange(1, 2_001), PollTables.none()
    for poll in range(1, MAXIMUM_POLLS + 1):
        items = vote(poll, *people.tolist())
        tables, *_ = polls.fold(tables, events_of(items), TICK, np.array([2_000, 0]))
    assert tables.voters.records.nbytes == len(people) * VOTER.itemsize
    assert set(tables.polls.records["voters"].tolist()) == {2_000}
    tables, voters, *_ = polls.fold(
        tables, events_of(vote(1, *people.tolist())), TICK, np.array([2_000, 0])
    )
    assert voters.tolist() == [0, 0]


def test_each_session_has_its_own_limit_of_voters(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(polls, "MAXIMUM_VOTERS", 20)
    items = [(row, 1, voter, False, 0) for voter in range(1, 41) for row in (0, 1)]
    # The sessions' identities alternate, as those of real users are in no order.
    events = events_of(items)._replace(users=np.arange(80, dtype=np.uint64))
    folded = polls.fold(PollTables.none(), events, TICK, np.array([40, 40]))
    assert (folded.voters.tolist(), folded.forgotten_voters) == ([40, 40], 40)
    rows, records = folded.tables.voters
    remembered = [records["user"][rows == row].tolist() for row in (0, 1)]
    assert remembered == [[*range(0, 40, 2)], [*range(1, 41, 2)]]


def slots_of(tables: PollTables, row: int) -> list[int]:
    rows, records = tables.polls
    slots: list[int] = records["slot"][rows == row].tolist()
    return slots


def test_new_polls_get_the_lowest_free_slots_of_their_session() -> None:
    active = np.array([10, 10])
    items = [(row, poll, 1, False, 0) for poll in range(1, 31) for row in (0, 1)]
    # The sessions' identities alternate, as those of real polls are in no order.
    events = events_of(items)._replace(polls=np.arange(60, dtype=np.uint64))
    first = polls.fold(PollTables.none(), events, TICK, active).tables
    assert [slots_of(first, row) for row in (0, 1)] == [[*range(30)]] * 2
    fewer = first._replace(polls=Table(first.polls.rows[4:], first.polls.records[4:]))
    again = polls.fold(fewer, events_of(vote(90, 1)), TICK + 1, active).tables
    assert [slots_of(again, row) for row in (0, 1)] == [[*range(2, 30), 0], [*range(2, 30)]]
    # Those in one session leave the slots of the other free.
    one = polls.fold(PollTables.none(), events_of(vote(1, 1)), TICK, active).tables
    both = polls.fold(one, events_of([(1, 1, 1, False, 0)]), TICK + 1, active).tables
    assert [slots_of(both, row) for row in (0, 1)] == [[0], [0]]


def test_a_tick_without_votes_changes_nothing() -> None:
    folded = polls.fold(PollTables.none(), events_of(vote(1, 1)), TICK, np.array([10, 0]))
    unchanged = polls.Folded.unchanged(folded.tables, 2)
    assert unchanged.tables is folded.tables
    assert unchanged.voters.tolist() == [0, 0]
    assert _spelled_out(unchanged.moments) == []
    assert unchanged[3:] == (0, 0, 0)
    # What is counted is of one type, whether or not there is anything to count.
    for tick in (folded, unchanged):
        columns = [tick.voters, *tick.moments]
        names = [column.dtype.name for column in columns]
        assert names == ["int64", "int64", "uint64", "bool", "int64", "int64"]


@given(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1), st.integers(0, 2**64 - 1))
def test_odd_numbers_in_sound_tables_stop_nothing(touched: int, voters: int, voted: int) -> None:
    items = [(0, poll, voter, False, 0) for poll in (1, 2) for voter in (1, 2)]
    tables = polls.fold(PollTables.none(), events_of(items), TICK, np.array([4, 0])).tables
    tables.polls.records["touched"], tables.polls.records["voters"] = touched, voters
    tables.polls.records["slot"] = 5
    tables.voters.records["voted"] = voted
    folded = polls.fold(stored(tables), events_of(items), TICK + 1, np.array([4, 0]))
    assert 0 <= polls.participation(folded.tables, 1)[0] <= 1
