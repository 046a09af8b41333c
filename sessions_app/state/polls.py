"""Polls and their voters.

The platform does not announce that a poll opens; its first vote opens it. From then until it is
closed, its participation is the number of distinct voters over the users present at that vote. Of
several open polls, the one with the highest participation counts.

Each vote is one bit in the record of the voter: a poll has a *slot*, the number of its bit, as long
as it is one of the :data:`MAXIMUM_POLLS` of its session. So storage is bounded by the number of
users, however many polls there are. A voter is remembered until the last poll they voted on is
closed, even if the presence table has dropped them meanwhile.
"""

from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from sessions_app.events.decoding import EventKind
from sessions_app.state.packed_tables import (
    Records,
    Table,
    append,
    combine,
    positions_of,
    ranks,
)
from sessions_app.state.poll_tables import MAXIMUM_POLLS, POLL, VOTER, PollTables, slot_bits
from sessions_app.state.presence import MAXIMUM_USERS

# Beyond that, votes count but are not remembered: a second one on the same poll counts again.
MAXIMUM_VOTERS = MAXIMUM_USERS
_NO_SLOT = 255
# Bits of an order below its milliseconds.
_MILLISECONDS = np.uint64(32)


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
        return cls(
            tables=tables,
            voters=np.zeros(row_count, np.int64),
            moments=Moments.none(),
            forgotten_voters=0,
            forgotten_polls=0,
            late_votes=0,
        )


class _Votes(NamedTuple):
    """Votes that count, one per user and poll: equal-length arrays."""

    rows: NDArray[np.int64]
    polls: NDArray[np.uint64]
    users: NDArray[np.uint64]


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
    voters = _only_on(polls, polls.records["slot"] != _NO_SLOT, tables.voters)
    polls = _with_slots(polls)
    in_time = _in_time(events, previously_closed)
    votes = _votes(events, in_time)
    voters, new, forgotten = _cast(polls, voters, votes)
    voters = _only_on(polls, ~polls.records["closed"], voters)
    counts = np.bincount(votes.rows[new], minlength=len(active))
    return Folded(
        tables=PollTables(polls, voters),
        voters=counts,
        moments=_moments(before, polls),
        forgotten_voters=forgotten,
        forgotten_polls=len(mentioned.rows) - len(polls.rows),
        late_votes=int((events.kinds == EventKind.VOTE).sum() - in_time.sum()),
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
    # Inverting unsigned numbers reverses their order.
    order = np.lexsort((~polls.records["touched"], polls.rows))
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
    free_first = np.argsort(taken, kind="stable")
    polls.records["slot"][fresh] = free_first[session, ranks(polls.rows[fresh])]
    return polls


def _only_on(polls: Table, chosen: NDArray[np.bool_], voters: Table) -> Table:
    """The voters with only their votes on the ``chosen`` polls, without voters who have none."""
    if not len(voters.rows):
        return voters
    row_count = max(voters.rows.max(), polls.rows.max()) + 1
    masks = np.zeros(int(row_count), np.uint64)
    np.bitwise_or.at(masks, polls.rows[chosen], slot_bits(polls.records["slot"][chosen]))
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
    closings = closings[np.argsort(events.order[closings])]
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
    bits[kept] = slot_bits(polls.records["slot"][poll])

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
