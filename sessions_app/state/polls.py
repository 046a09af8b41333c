"""Polls and their voters.

The platform does not announce that a poll opens: its first vote does. From then on its
participation is the number of distinct voters over the users who were present at that vote, until
it is closed. Of several open polls, the one with the highest participation counts.

Who voted on what is one bit in the record of the voter: a poll has a *slot*, the number of its bit,
as long as it is among the :data:`MAXIMUM_POLLS` of its session. So what is stored is bounded by the
people, however many polls there are. A voter is remembered until the last poll that he voted on is
closed, also when the audience has forgotten him meanwhile.
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

# Beyond, votes count but are not remembered: a second one on the same poll counts again.
MAXIMUM_VOTERS = MAXIMUM_USERS
_NO_SLOT = 255
# Of an order, the bits below its milliseconds.
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
    """First votes and closings, each poll's once: equal-length arrays.

    Attributes:
        rows: the session of each.
        polls: identity of the poll.
        closings: whether it was closed; otherwise it had its first vote.
        voters: at the end of the tick of the first vote; at a closing, of all until then.
        present: active users at the end of the tick of the first vote, at least 1.
    """

    rows: NDArray[np.int64]
    polls: NDArray[np.uint64]
    closings: NDArray[np.bool_]
    voters: NDArray[np.int64]
    present: NDArray[np.int64]

    @classmethod
    def none(cls) -> Self:
        """Nothing of the kind."""
        numbers = np.zeros(0, np.int64)
        return cls(numbers, np.zeros(0, np.uint64), np.zeros(0, np.bool_), numbers, numbers)


class Folded(NamedTuple):
    """The tables after a tick.

    Attributes:
        voters: the new voters of each session.
        moments: what the tick was to which poll.
        forgotten_voters: how many of the new voters are not remembered.
        forgotten_polls: how many polls are not remembered any more.
        late_votes: how many votes came after the end of their poll.
    """

    tables: PollTables
    voters: NDArray[np.int64]
    moments: Moments
    forgotten_voters: int
    forgotten_polls: int
    late_votes: int

    @classmethod
    def unchanged(cls, tables: PollTables, row_count: int) -> Self:
        """After a tick without votes and closings, of so many sessions."""
        return cls(
            tables=tables,
            voters=np.zeros(row_count, np.int64),
            moments=Moments.none(),
            forgotten_voters=0,
            forgotten_polls=0,
            late_votes=0,
        )


class _Votes(NamedTuple):
    """Votes that count, each user's once per poll: equal-length arrays."""

    rows: NDArray[np.int64]
    polls: NDArray[np.uint64]
    users: NDArray[np.uint64]


def fold(tables: PollTables, events: PollEvents, tick: int, active: NDArray[np.int64]) -> Folded:
    """Brings the tables of the sessions that ``events`` touches up to date.

    A vote on a poll that is closed changes nothing. A user who votes again on the same poll is
    counted once.

    Args:
        tables: of all sessions in ``events``.
        events: at least one.
        tick: the tick the events belong to.
        active: active users of each session at the end of the tick.
    """
    before = np.sort(tables.polls.records, order="poll")
    shut = before["poll"][before["closed"]]
    mentioned = _open_and_close(tables.polls, events, tick, active)
    polls = _bounded(mentioned)
    was_open = (polls.records["slot"] != _NO_SLOT) & ~np.isin(polls.records["poll"], shut)
    voters = _only_on(polls, was_open, tables.voters)
    polls = _with_slots(polls)
    in_time = _in_time(events, shut)
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
    shares = polls["voters"][counting] / polls["audience"][counting]
    np.maximum.at(highest, tables.polls.rows[counting], np.minimum(1.0, shares))
    return highest


def _moments(before: Records, polls: Table) -> Moments:
    """What has become of the polls since ``before``, which is sorted by them."""
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
        records["audience"][chosen].astype(np.int64),
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
    # Whoever voted was there, even if they left before the tick was over.
    records["audience"] = np.maximum(active[rows], 1)
    return append(table, rows, records)


def _bounded(polls: Table) -> Table:
    """Keeps the :data:`MAXIMUM_POLLS` polls of a session that something happened to last."""
    if not (np.bincount(polls.rows) > MAXIMUM_POLLS).any():
        return polls
    order = np.lexsort((-polls.records["touched"].astype(np.int64), polls.rows))
    kept = order[ranks(polls.rows[order]) < MAXIMUM_POLLS]
    return Table(polls.rows[kept], polls.records[kept])


def _with_slots(polls: Table) -> Table:
    """Gives the polls that have none the lowest slots that no other poll of their session has."""
    fresh = np.flatnonzero(polls.records["slot"] == _NO_SLOT)
    if not len(fresh):
        return polls
    fresh = fresh[np.argsort(polls.rows[fresh], kind="stable")]
    sessions, session = np.unique(polls.rows[fresh], return_inverse=True)
    places, concerned = positions_of(sessions, polls.rows)
    concerned &= polls.records["slot"] != _NO_SLOT
    taken = np.zeros((len(sessions), MAXIMUM_POLLS), np.bool_)
    taken[places[concerned], polls.records["slot"][concerned]] = True
    free_first = np.argsort(taken, axis=1, kind="stable")
    polls.records["slot"][fresh] = free_first[session, ranks(polls.rows[fresh])]
    return polls


def _only_on(polls: Table, chosen: NDArray[np.bool_], voters: Table) -> Table:
    """The voters with their votes on the ``chosen`` polls alone, and only who has any."""
    if not len(voters.rows):
        return voters
    row_count = max(voters.rows.max(initial=0), polls.rows.max(initial=0)) + 1
    masks = np.zeros(int(row_count), np.uint64)
    np.bitwise_or.at(masks, polls.rows[chosen], slot_bits(polls.records["slot"][chosen]))
    voters.records["voted"] &= masks[voters.rows]
    kept = voters.records["voted"] != 0
    return voters if kept.all() else Table(voters.rows[kept], voters.records[kept])


def _in_time(events: PollEvents, shut: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """Which events are votes that came before the end of their poll.

    Votes and closings come by streams of their own, so that within a millisecond nobody knows which
    was first: such a vote counts.

    Args:
        events: of a tick.
        shut: the polls that were closed before it.
    """
    is_vote = events.kinds == EventKind.VOTE
    closings = np.flatnonzero(~is_vote)
    closings = closings[np.argsort(events.order[closings], kind="stable")]
    closed, first = np.unique(events.polls[closings], return_index=True)
    in_time: NDArray[np.bool_] = is_vote & ~np.isin(events.polls, shut)
    positions, closing = positions_of(closed, events.polls)
    ends = events.order[closings[first]] >> _MILLISECONDS
    in_time[closing] &= events.order[closing] >> _MILLISECONDS <= ends[positions[closing]]
    return in_time


def _votes(events: PollEvents, counting: NDArray[np.bool_]) -> _Votes:
    rows, polls, users = events.rows[counting], events.polls[counting], events.users[counting]
    _, first = np.unique(combine(users, polls), return_index=True)
    return _Votes(rows[first], polls[first], users[first])


def _cast(polls: Table, voters: Table, votes: _Votes) -> tuple[Table, NDArray[np.bool_], int]:
    """Counts the votes in the polls, and notes them with the voters.

    Returns:
        The voters; which of the votes are the first of their user on their poll; and how many
        voters there was no room to note.
    """
    by_poll = np.argsort(polls.records["poll"])
    places, kept = positions_of(polls.records["poll"][by_poll], votes.polls)
    poll = by_poll[places[kept]]
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
    noted, forgotten = _noted(voters, votes.rows[first[fresh]], people[fresh], masks[fresh])
    return noted, new, forgotten


def _noted(
    voters: Table, rows: NDArray[np.int64], users: NDArray[np.uint64], voted: NDArray[np.uint64]
) -> tuple[Table, int]:
    """The table with more voters, and how many of them there was no room for."""
    by_row = np.argsort(rows, kind="stable")
    rows = rows[by_row]
    sizes = np.bincount(voters.rows, minlength=int(rows.max(initial=0)) + 1)
    has_room = sizes[rows] + ranks(rows) < MAXIMUM_VOTERS
    chosen = by_row[has_room]
    records = np.zeros(len(chosen), VOTER)
    records["user"], records["voted"] = users[chosen], voted[chosen]
    return append(voters, rows[has_room], records), int((~has_room).sum())
