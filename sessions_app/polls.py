"""Polls and their voters.

The platform does not announce that a poll opens: its first vote does. From then on its
participation is the number of distinct voters over the users who were present at that vote, until
it is closed. Of several open polls, the one with the highest participation counts.
"""

from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from sessions_app.events import EventKind
from sessions_app.hashing import combine
from sessions_app.tables import Table, append, positions_of

MAXIMUM_POLLS = 64

POLL = np.dtype(
    [("poll", "<u8"), ("touched", "<u4"), ("audience", "<u4"), ("voters", "<u4"), ("closed", "?")]
)
BALLOT = np.dtype([("poll", "<u8"), ("ballot", "<u8")])
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


class PollTables(NamedTuple):
    """Records of :data:`POLL` and of :data:`BALLOT`; closed polls stay known, without ballots."""

    polls: Table
    ballots: Table


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
    """

    tables: PollTables
    voters: NDArray[np.int64]
    moments: Moments


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
    polls = _open_and_close(tables.polls, events, tick, active)
    ballots, new = _cast(tables.ballots, events, _in_time(events, shut))
    polls, ballots = _count(polls, ballots, shut)
    kept = _bounded(PollTables(polls, ballots))
    voters = np.bincount(new.rows, minlength=len(active))
    return Folded(kept, voters, _moments(before, kept.polls))


def participation(tables: PollTables, row_count: int) -> NDArray[np.float64]:
    """The highest participation of an open poll, for each session, in [0, 1]."""
    polls = tables.polls.records
    counting = ~polls["closed"]
    highest = np.zeros(row_count)
    shares = polls["voters"][counting] / polls["audience"][counting]
    np.maximum.at(highest, tables.polls.rows[counting], np.minimum(1.0, shares))
    return highest


def _moments(before: NDArray[np.void], polls: Table) -> Moments:
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
    # Whoever voted was there, even if they left before the tick was over.
    records["audience"] = np.maximum(active[rows], 1)
    return append(table, rows, records)


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


def _cast(ballots: Table, events: PollEvents, counting: NDArray[np.bool_]) -> tuple[Table, Table]:
    """Adds the ballots of the votes that count; returns all, and the new ones."""
    poll, rows = events.polls[counting], events.rows[counting]
    ballot, first = np.unique(combine(events.users[counting], poll), return_index=True)
    fresh = ~np.isin(ballot, ballots.records["ballot"])
    records = np.zeros(int(fresh.sum()), BALLOT)
    records["poll"], records["ballot"] = poll[first][fresh], ballot[fresh]
    new = Table(rows[first][fresh], records)
    return append(ballots, *new), new


def _count(polls: Table, ballots: Table, shut: NDArray[np.uint64]) -> tuple[Table, Table]:
    """Writes the number of ballots into the polls, and drops the ballots of closed ones.

    Polls in ``shut`` have had none for a while, and keep their number.
    """
    order = np.argsort(polls.records["poll"])
    positions, found = positions_of(polls.records["poll"][order], ballots.records["poll"])
    poll_of_ballot = order[positions]
    counts = np.bincount(poll_of_ballot[found], minlength=len(polls.records))
    counted = ~np.isin(polls.records["poll"], shut)
    polls.records["voters"][counted] = counts[counted]
    keep = found & ~polls.records["closed"][poll_of_ballot]
    return polls, Table(ballots.rows[keep], ballots.records[keep])


def _bounded(tables: PollTables) -> PollTables:
    """Keeps the :data:`MAXIMUM_POLLS` polls of a session that something happened to last."""
    polls = tables.polls
    if not (np.bincount(polls.rows) > MAXIMUM_POLLS).any():
        return tables
    order = np.lexsort((-polls.records["touched"].astype(np.int64), polls.rows))
    rows = polls.rows[order]
    starts = np.searchsorted(rows, rows, side="left")
    kept = order[np.arange(len(order)) - starts < MAXIMUM_POLLS]
    ballots = tables.ballots
    counted = np.isin(ballots.records["poll"], polls.records["poll"][kept])
    return PollTables(
        Table(polls.rows[kept], polls.records[kept]),
        Table(ballots.rows[counted], ballots.records[counted]),
    )
