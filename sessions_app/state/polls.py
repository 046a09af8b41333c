"""Polls and their voters.

The platform does not announce that a poll opens; its first vote opens it. From then until it is
closed, its participation is the number of distinct voters over the users present at that vote. Of
several open polls, the one with the highest participation counts.

Each vote is one bit in the record of the voter: a poll has a *slot*, the number of its bit, as long
as it is one of the :data:`MAXIMUM_POLLS` of its session. So storage is bounded by the number of
users, however many polls there are. A voter is remembered until the last poll they voted on is
closed, even if the presence table has dropped them meanwhile.
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
    append,
    combine,
    empty_table,
    positions_of,
    ranks,
    unpack_table,
)
from sessions_app.state.presence import MAXIMUM_USERS

# One bit each.
MAXIMUM_POLLS = 64
# Beyond that, votes count but are not remembered: a second one on the same poll counts again.
MAXIMUM_VOTERS = MAXIMUM_USERS

_POLL_FIELDS = [
    ("poll", "<u8"),
    ("touched", "<u4"),
    ("present", "<u4"),
    ("voters", "<u4"),
    ("closed", "?"),
]
POLL = np.dtype([*_POLL_FIELDS, ("slot", "u1")])
VOTER = np.dtype([("user", "<u8"), ("voted", "<u8")])
# As stored by an earlier release: polls without slots, and a record for each vote.
POLL_WITHOUT_SLOT = np.dtype(_POLL_FIELDS)
VOTE = np.dtype([("poll", "<u8"), ("vote", "<u8")])

_NO_SLOT = 255
# Bits of an order below its milliseconds.
_MILLISECONDS = np.uint64(32)


def _are_sound_polls(polls: Records) -> NDArray[np.bool_]:
    sound: NDArray[np.bool_] = (
        (polls["slot"] < MAXIMUM_POLLS)
        & (polls["present"] > 0)
        & (polls["closed"].view(np.uint8) <= 1)
    )
    return sound


def _read_bare_polls(data: bytes) -> Records:
    bare = np.frombuffer(data, POLL_WITHOUT_SLOT)
    if len(bare) > MAXIMUM_POLLS:
        raise ValueError(f"{len(bare)} polls")
    polls = np.zeros(len(bare), POLL)
    for name in POLL_WITHOUT_SLOT.names or ():
        polls[name] = bare[name]
    polls["slot"] = np.arange(len(bare))
    return polls


def _are_sound_records(records: Records) -> NDArray[np.bool_]:
    return np.ones(len(records), np.bool_)


def _read_bare_votes(data: bytes) -> Records:
    return np.frombuffer(data, VOTE)


POLL_FORM = Form("polls", 1, POLL, _are_sound_polls, _read_bare_polls)
VOTER_FORM = Form("voters", 1, VOTER, _are_sound_records)
_VOTE_FORM = Form("ballots", 0, VOTE, _are_sound_records, _read_bare_votes)


class PollEvents(NamedTuple):
    """Votes and closings of one tick: equal-length arrays.

    Attributes:
        rows: the session of each event.
        polls: identity of the poll within its session.
        users: identity of the voter within the session.
        kinds: :data:`EventKind.VOTE` or :data:`EventKind.POLL_CLOSED`.
        order: of arrival within the tick, milliseconds in the upper 32 bits.
    """

    rows: NDArray[np.int64]
    polls: NDArray[np.uint64]
    users: NDArray[np.uint64]
    kinds: NDArray[np.uint8]
    order: NDArray[np.uint64]


class PollTables(NamedTuple):
    """Records of :data:`POLL` and of :data:`VOTER`; closed polls are kept without voters."""

    polls: Table
    voters: Table

    @classmethod
    def none(cls) -> Self:
        """No polls."""
        return cls(empty_table(POLL), empty_table(VOTER))


class Moments(NamedTuple):
    """First votes and closings, once for each poll: equal-length arrays.

    Attributes:
        rows: the session of each.
        polls: identity of the poll.
        closings: whether it was closed; otherwise it received its first vote.
        voters: number of voters at the end of the tick of the first vote, or at the closing.
        present: active users at the end of the tick of the first vote, at least 1.
    """

    rows: NDArray[np.int64]
    polls: NDArray[np.uint64]
    closings: NDArray[np.bool_]
    voters: NDArray[np.int64]
    present: NDArray[np.int64]

    @classmethod
    def none(cls) -> Self:
        """No moments."""
        numbers = np.zeros(0, np.int64)
        return cls(numbers, np.zeros(0, np.uint64), np.zeros(0, np.bool_), numbers, numbers)


class Folded(NamedTuple):
    """The tables after a tick.

    Attributes:
        voters: number of new voters of each session.
        moments: first votes and closings in the tick.
        forgotten_voters: number of new voters beyond the limit, who are not remembered.
        forgotten_polls: number of polls that are no longer remembered.
        late_votes: number of votes cast after their poll was closed.
    """

    tables: PollTables
    voters: NDArray[np.int64]
    moments: Moments
    forgotten_voters: int
    forgotten_polls: int
    late_votes: int

    @classmethod
    def unchanged(cls, tables: PollTables, row_count: int) -> Self:
        """After a tick without votes and closings, for ``row_count`` sessions."""
        return cls(tables, np.zeros(row_count, np.int64), Moments.none(), 0, 0, 0)


class _Votes(NamedTuple):
    """Votes that count, one per user and poll: equal-length arrays."""

    rows: NDArray[np.int64]
    polls: NDArray[np.uint64]
    users: NDArray[np.uint64]


def unpack(
    rows: NDArray[np.int64],
    polls: Sequence[bytes | None],
    voters: Sequence[bytes | None],
    votes: Sequence[bytes | None],
    users: Table,
) -> tuple[PollTables, list[LostTable]]:
    """The tables of the sessions ``rows``, and those that could not be read.

    A session whose polls are lost starts over without polls. One whose voters are lost keeps the
    counts of its polls; users who vote on them again count again.

    Args:
        rows: sorted.
        polls, voters: one blob for each of ``rows``.
        votes: blobs of an earlier release, or None, for each of ``rows``.
        users: presence tables of these sessions, to find out who cast those votes.
    """
    of_polls, of_voters = (
        unpack_table(rows, polls, POLL_FORM),
        unpack_table(rows, voters, VOTER_FORM),
    )
    of_votes = unpack_table(rows, votes, _VOTE_FORM)
    table = of_voters.table
    if len(of_votes.table.rows):
        table = append(table, *_voters_of_old_votes(of_polls.table, users, of_votes.table))
    return PollTables(of_polls.table, table), [*of_polls.lost, *of_voters.lost, *of_votes.lost]


def _voters_of_old_votes(polls: Table, present: Table, votes: Table) -> Table:
    """The users who cast the votes on open polls, each stored as a hash of user and poll.

    All tables are sorted by session.
    """
    voted = np.zeros(len(present.rows), np.uint64)
    is_open = ~polls.records["closed"]
    for row in np.unique(polls.rows[is_open]).tolist():
        cast, here = np.sort(votes.records["vote"][_part(votes, row)]), _part(present, row)
        users = present.records["user"][here]
        for record in polls.records[is_open & (polls.rows == row)]:
            expected = combine(users, np.full(len(users), record["poll"]))
            # Looking up many sorted values is much faster.
            order = np.argsort(expected)
            _, found = positions_of(cast, expected[order])
            voted[here][order[found]] |= _bits(record["slot"])
    chosen = voted != 0
    records = np.zeros(int(chosen.sum()), VOTER)
    records["user"], records["voted"] = present.records["user"][chosen], voted[chosen]
    return Table(present.rows[chosen], records)


def _part(table: Table, row: int) -> slice:
    return slice(*np.searchsorted(table.rows, [row, row + 1]).tolist())


def fold(tables: PollTables, events: PollEvents, tick: int, active: NDArray[np.int64]) -> Folded:
    """Applies ``events`` to the tables of their sessions.

    A vote on a closed poll changes nothing. A user who votes again on the same poll counts once.

    Args:
        tables: of all sessions in ``events``.
        events: at least one.
        tick: the tick the events belong to.
        active: active users of each session at the end of the tick.
    """
    before = np.sort(tables.polls.records, order="poll")
    previously_closed = before["poll"][before["closed"]]
    mentioned = _open_and_close(tables.polls, events, tick, active)
    polls = _bounded(mentioned)
    was_open = (polls.records["slot"] != _NO_SLOT) & ~np.isin(
        polls.records["poll"], previously_closed
    )
    voters = _only_on(polls, was_open, tables.voters)
    polls = _with_slots(polls)
    in_time = _in_time(events, previously_closed)
    votes = _votes(events, in_time)
    voters, new, forgotten = _cast(polls, voters, votes)
    voters = _only_on(polls, ~polls.records["closed"], voters)
    counts = np.bincount(votes.rows[new], minlength=len(active))
    return Folded(
        PollTables(polls, voters),
        counts,
        _moments(before, polls),
        forgotten,
        len(mentioned.rows) - len(polls.rows),
        int((events.kinds == EventKind.VOTE).sum() - in_time.sum()),
    )


def participation(tables: PollTables, row_count: int) -> NDArray[np.float64]:
    """The highest participation of an open poll, for each session, in [0, 1]."""
    polls = tables.polls.records
    counting = ~polls["closed"]
    highest = np.zeros(row_count)
    shares = polls["voters"][counting] / polls["present"][counting]
    np.maximum.at(highest, tables.polls.rows[counting], np.minimum(1.0, shares))
    return highest


def _moments(before: Records, polls: Table) -> Moments:
    """First votes and closings since ``before``, which is sorted by poll."""
    records = polls.records
    positions, known = positions_of(before["poll"], records["poll"])
    closed_before = np.zeros(len(records), np.bool_)
    closed_before[known] = before["closed"][positions[known]]
    closings = records["closed"] & ~closed_before
    chosen = closings | ~(known | records["closed"])
    return Moments(
        polls.rows[chosen],
        records["poll"][chosen],
        closings[chosen],
        records["voters"][chosen].astype(np.int64),
        records["present"][chosen].astype(np.int64),
    )


def _open_and_close(
    table: Table, events: PollEvents, tick: int, active: NDArray[np.int64]
) -> Table:
    mentioned, first = np.unique(events.polls, return_index=True)
    closed = np.isin(mentioned, events.polls[events.kinds == EventKind.POLL_CLOSED])
    positions, known = positions_of(mentioned, table.records["poll"])
    table.records["closed"][known] |= closed[positions[known]]
    table.records["touched"][known] = tick

    fresh = np.ones(len(mentioned), dtype=np.bool_)
    fresh[positions[known]] = False
    rows = events.rows[first][fresh]
    records = np.zeros(len(rows), POLL)
    records["poll"] = mentioned[fresh]
    records["touched"] = tick
    records["closed"] = closed[fresh]
    records["slot"] = _NO_SLOT
    # The voter was present, even if they left before the end of the tick.
    records["present"] = np.maximum(active[rows], 1)
    return append(table, rows, records)


def _bounded(polls: Table) -> Table:
    """Keeps the :data:`MAXIMUM_POLLS` polls of each session with the most recent events."""
    if not (np.bincount(polls.rows) > MAXIMUM_POLLS).any():
        return polls
    order = np.lexsort((-polls.records["touched"].astype(np.int64), polls.rows))
    kept = order[ranks(polls.rows[order]) < MAXIMUM_POLLS]
    return Table(polls.rows[kept], polls.records[kept])


def _with_slots(polls: Table) -> Table:
    """Gives polls without a slot the lowest free slots of their session."""
    fresh = np.flatnonzero(polls.records["slot"] == _NO_SLOT)
    if not len(fresh):
        return polls
    fresh = fresh[np.argsort(polls.rows[fresh], kind="stable")]
    sessions, session = np.unique(polls.rows[fresh], return_inverse=True)
    index, concerned = positions_of(sessions, polls.rows)
    concerned &= polls.records["slot"] != _NO_SLOT
    taken = np.zeros((len(sessions), MAXIMUM_POLLS), np.bool_)
    taken[index[concerned], polls.records["slot"][concerned]] = True
    free_first = np.argsort(taken, axis=1, kind="stable")
    polls.records["slot"][fresh] = free_first[session, ranks(polls.rows[fresh])]
    return polls


def _bits(slots: NDArray[np.uint8]) -> NDArray[np.uint64]:
    bits: NDArray[np.uint64] = np.uint64(1) << slots.astype(np.uint64)
    return bits


def _only_on(polls: Table, chosen: NDArray[np.bool_], voters: Table) -> Table:
    """The voters with only their votes on the ``chosen`` polls, without voters who have none."""
    if not len(voters.rows):
        return voters
    row_count = max(voters.rows.max(initial=0), polls.rows.max(initial=0)) + 1
    masks = np.zeros(int(row_count), np.uint64)
    np.bitwise_or.at(masks, polls.rows[chosen], _bits(polls.records["slot"][chosen]))
    voters.records["voted"] &= masks[voters.rows]
    kept = voters.records["voted"] != 0
    return voters if kept.all() else Table(voters.rows[kept], voters.records[kept])


def _in_time(events: PollEvents, previously_closed: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """Which events are votes cast before their poll was closed.

    Votes and closings arrive in separate streams, so their order within a millisecond is unknown:
    such votes count.

    Args:
        events: of a tick.
        previously_closed: the polls that were closed before it.
    """
    is_vote = events.kinds == EventKind.VOTE
    closings = np.flatnonzero(~is_vote)
    closings = closings[np.argsort(events.order[closings], kind="stable")]
    closed, first = np.unique(events.polls[closings], return_index=True)
    in_time: NDArray[np.bool_] = is_vote & ~np.isin(events.polls, previously_closed)
    positions, closing = positions_of(closed, events.polls)
    ends = events.order[closings[first]] >> _MILLISECONDS
    in_time[closing] &= events.order[closing] >> _MILLISECONDS <= ends[positions[closing]]
    return in_time


def _votes(events: PollEvents, counting: NDArray[np.bool_]) -> _Votes:
    rows, polls, users = events.rows[counting], events.polls[counting], events.users[counting]
    _, first = np.unique(combine(users, polls), return_index=True)
    return _Votes(rows[first], polls[first], users[first])


def _cast(polls: Table, voters: Table, votes: _Votes) -> tuple[Table, NDArray[np.bool_], int]:
    """Counts the votes in the polls, and records them with the voters.

    Returns:
        The voters; which of the votes are their user's first on the poll; and the number of voters
        beyond the limit.
    """
    by_poll = np.argsort(polls.records["poll"])
    index, kept = positions_of(polls.records["poll"][by_poll], votes.polls)
    poll = by_poll[index[kept]]
    bits = np.zeros(len(votes.polls), np.uint64)
    bits[kept] = _bits(polls.records["slot"][poll])

    people, first, person = np.unique(votes.users, return_index=True, return_inverse=True)
    positions, known = positions_of(people, voters.records["user"])
    masks = np.zeros(len(people), np.uint64)
    masks[positions[known]] = voters.records["voted"][known]
    new = (masks[person] & bits) == 0
    polls.records["voters"] += np.bincount(poll[new[kept]], minlength=len(polls.rows)).astype("u4")

    np.bitwise_or.at(masks, person, bits)
    voters.records["voted"][known] = masks[positions[known]]
    masks[positions[known]] = 0
    fresh = np.flatnonzero(masks)
    recorded, forgotten = _recorded(voters, votes.rows[first[fresh]], people[fresh], masks[fresh])
    return recorded, new, forgotten


def _recorded(
    voters: Table, rows: NDArray[np.int64], users: NDArray[np.uint64], voted: NDArray[np.uint64]
) -> tuple[Table, int]:
    """The table with more voters, and the number of those beyond the limit."""
    by_row = np.argsort(rows, kind="stable")
    rows = rows[by_row]
    sizes = np.bincount(voters.rows, minlength=int(rows.max(initial=0)) + 1)
    has_room = sizes[rows] + ranks(rows) < MAXIMUM_VOTERS
    chosen = by_row[has_room]
    records = np.zeros(len(chosen), VOTER)
    records["user"], records["voted"] = users[chosen], voted[chosen]
    return append(voters, rows[has_room], records), int((~has_room).sum())
