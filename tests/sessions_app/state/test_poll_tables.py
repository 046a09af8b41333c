"""Polls and voters as they are stored, damaged or written by the release before."""

import numpy as np
import pytest

from sessions_app.state import polls, presence
from sessions_app.state.packed_tables import Table, combine, pack_table
from sessions_app.state.poll_tables import (
    MAXIMUM_POLLS,
    POLL_FORM,
    POLL_WITHOUT_SLOT,
    VOTE,
    VOTER_FORM,
    PollTables,
    unpack,
)
from tests.sessions_app.state.test_polls import NOBODY, TICK, events_of, vote


def before_slots(
    members: dict[int, list[int]], cast: dict[int, dict[int, list[int]]], shut: set[int]
) -> tuple[list[bytes | None], list[bytes | None], Table]:
    """Blobs of polls and ballots as the release before wrote them, and the audience."""
    poll_blobs: list[bytes | None] = []
    ballot_blobs: list[bytes | None] = []
    for row in sorted(cast):
        bare = np.zeros(len(cast[row]), POLL_WITHOUT_SLOT)
        bare["poll"] = [100 * row + poll for poll in cast[row]]
        bare["voters"] = [len(voters) for voters in cast[row].values()]
        bare["present"], bare["touched"] = 10, TICK - 1
        bare["closed"] = [poll in shut for poll in cast[row]]
        pairs = [
            (100 * row + poll, 100 * row + voter)
            for poll, voters in cast[row].items()
            for voter in voters
            if poll not in shut
        ]
        ballots = np.zeros(len(pairs), VOTE)
        for ballot, (poll, voter) in zip(ballots, pairs, strict=True):
            ballot["poll"] = poll
            hashed = combine(np.array([voter], np.uint64), np.array([poll], np.uint64))
            ballot["vote"] = hashed[0]
        poll_blobs.append(bare.tobytes())
        ballot_blobs.append(ballots.tobytes())
    rows = np.array([row for row in members for _ in members[row]], np.int64)
    users = np.zeros(len(rows), presence.USER)
    users["user"] = [100 * row + user for row in members for user in members[row]]
    return poll_blobs, ballot_blobs, Table(rows, users)


def test_votes_of_the_release_before_are_known() -> None:
    cast = {0: {1: [1, 2, 3], 2: [2, 5], 3: [1]}, 1: {1: [4], 9: []}}
    everybody = {0: [1, 2, 3, 4, 5], 1: [3, 4]}
    of_polls, ballots, audience = before_slots(everybody, cast, shut={3})
    tables, lost = unpack(np.arange(2), of_polls, [None, None], ballots, audience)
    assert not lost
    again = [*vote(1, 1, 2, 3, 4), *vote(2, 2, 1), *vote(3, 1, 2), (1, 1, 4, False, 0)]
    folded = polls.fold(tables, events_of(again), TICK, np.array([10, 10]))
    # User 4 votes on poll 1 for the first time, and user 1 on poll 2; poll 3 is closed.
    assert folded.voters.tolist() == [2, 0]
    voters = {record["poll"]: record["voters"] for record in folded.tables.polls.records}
    assert voters == {1: 4, 2: 3, 3: 1, 101: 1, 109: 0}


def test_votes_on_closed_polls_and_of_other_sessions_are_nobodys() -> None:
    # The same user, who voted in session 0 on the open poll 5, and there and in session 1 on 6.
    user = np.array([7], np.uint64)
    bare, ballots = np.zeros(2, POLL_WITHOUT_SLOT), np.zeros(2, VOTE)
    bare["poll"], bare["present"], bare["closed"] = [5, 6], 10, [False, True]
    ballots["poll"] = [5, 6]
    ballots["vote"] = [combine(user, np.array([poll], np.uint64))[0] for poll in (5, 6)]
    users = np.zeros(2, presence.USER)
    users["user"] = user
    tables, lost = unpack(
        np.arange(2),
        [bare.tobytes(), bare[1:].tobytes()],
        [None, None],
        [ballots.tobytes(), ballots[1:].tobytes()],
        Table(np.arange(2), users),
    )
    assert not lost
    assert (tables.voters.rows.tolist(), tables.voters.records.tolist()) == ([0], [(7, 1)])


def test_the_release_before_may_have_kept_all_polls_that_are_kept() -> None:
    bare = np.zeros(MAXIMUM_POLLS + 1, POLL_WITHOUT_SLOT)
    bare["present"] = 1
    blobs = [bare[1:].tobytes(), bare.tobytes()]
    tables, lost = unpack(np.arange(2), blobs, [None, None], [None, None], NOBODY)
    assert lost == [("polls", 1, f"no header, and {bare.nbytes} bytes", bare.tobytes())]
    assert tables.polls.rows.tolist() == [0] * MAXIMUM_POLLS
    assert tables.polls.records["slot"].tolist() == [*range(MAXIMUM_POLLS)]


@pytest.mark.parametrize("ballots", [b"not ballots", bytes(VOTE.itemsize + 8)])
def test_polls_of_the_release_before_without_readable_ballots_keep_their_numbers(
    ballots: bytes,
) -> None:
    of_polls, _, audience = before_slots({0: [1, 2]}, {0: {1: [1, 2]}}, shut=set())
    tables, lost = unpack(np.arange(1), of_polls, [None], [ballots], audience)
    assert [table.kind for table in lost] == ["ballots"]
    assert tables.polls.records["voters"].tolist() == [2]
    assert not len(tables.voters.rows)


def blobs_of(tables: PollTables) -> tuple[list[bytes | None], list[bytes | None]]:
    rows = np.arange(2)
    return (
        [*pack_table(tables.polls, rows, POLL_FORM)],
        [*pack_table(tables.voters, rows, VOTER_FORM)],
    )


@pytest.fixture
def two_rooms() -> PollTables:
    """The same poll in two sessions, with two votes in each."""
    items = [(row, 1, voter, False, 0) for row in (0, 1) for voter in (1, 2)]
    events = events_of(items)
    return polls.fold(PollTables.none(), events, TICK, np.array([4, 4])).tables


def test_lost_polls_cost_their_own_session_its_polls(two_rooms: PollTables) -> None:
    of_polls, voters = blobs_of(two_rooms)
    of_polls[0] = of_polls[0][:-1]
    tables, lost = unpack(np.arange(2), of_polls, voters, [None, None], NOBODY)
    assert [(table.kind, table.row) for table in lost] == [("polls", 0)]
    again = [(row, 1, voter, False, 0) for row in (0, 1) for voter in (1, 2)]
    folded = polls.fold(tables, events_of(again), TICK + 1, np.array([4, 4]))
    # In the first session everything begins anew, in the second nothing is new.
    assert folded.voters.tolist() == [2, 0]
    assert polls.participation(folded.tables, 2).tolist() == [0.5, 0.5]


def test_lost_voters_cost_no_poll_its_number(two_rooms: PollTables) -> None:
    of_polls, voters = blobs_of(two_rooms)
    voters[1] = b"\x00" + voters[1]
    tables, lost = unpack(np.arange(2), of_polls, voters, [None, None], NOBODY)
    assert [(table.kind, table.row) for table in lost] == [("voters", 1)]
    folded = polls.fold(tables, events_of([(1, 1, 3, False, 0)]), TICK + 1, np.array([4, 4]))
    assert folded.tables.polls.records["voters"].tolist() == [2, 3]


@pytest.mark.parametrize(
    ("field", "value"), [("slot", 64), ("slot", 255), ("present", 0), ("closed", 2)]
)
def test_polls_that_cannot_be_are_lost(two_rooms: PollTables, field: str, value: int) -> None:
    values = two_rooms.polls.records[field]
    values.view(f"u{values.itemsize}")[0] = value
    tables, lost = unpack(np.arange(2), *blobs_of(two_rooms), [None, None], NOBODY)
    assert [(table.row, table.reason) for table in lost] == [(0, "impossible numbers")]
    assert tables.polls.rows.tolist() == [1]
