"""Polls and voters as they are stored, also as the release before stored them."""

from collections.abc import Sequence
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from sessions_app.state.packed_tables import (
    Form,
    LostTable,
    Records,
    Table,
    append,
    combine,
    empty_table,
    positions_of,
    unpack_table,
)

# One bit each.
MAXIMUM_POLLS = 64
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


class PollTables(NamedTuple):
    """Records of :data:`POLL` and of :data:`VOTER`; closed polls are kept without voters."""

    polls: Table
    voters: Table

    @classmethod
    def none(cls) -> Self:
        """No polls."""
        return cls(empty_table(POLL), empty_table(VOTER))


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
            voted[here][order[found]] |= slot_bits(record["slot"])
    chosen = voted != 0
    records = np.zeros(int(chosen.sum()), VOTER)
    records["user"], records["voted"] = present.records["user"][chosen], voted[chosen]
    return Table(present.rows[chosen], records)


def _part(table: Table, row: int) -> slice:
    return slice(*np.searchsorted(table.rows, [row, row + 1]).tolist())


def slot_bits(slots: NDArray[np.uint8]) -> NDArray[np.uint64]:
    bits: NDArray[np.uint64] = np.uint64(1) << slots.astype(np.uint64)
    return bits
