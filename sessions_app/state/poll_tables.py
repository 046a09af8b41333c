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
    ("audience", "<u4"),
    ("voters", "<u4"),
    ("closed", "?"),
]
POLL = np.dtype([*_POLL_FIELDS, ("slot", "u1")])
VOTER = np.dtype([("user", "<u8"), ("voted", "<u8")])
# What the release before stored: polls without slots, and a record for each vote.
BARE_POLL = np.dtype(_POLL_FIELDS)
BALLOT = np.dtype([("poll", "<u8"), ("ballot", "<u8")])


def _are_sound_polls(polls: Records) -> NDArray[np.bool_]:
    sound: NDArray[np.bool_] = (
        (polls["slot"] < MAXIMUM_POLLS)
        & (polls["audience"] > 0)
        & (polls["closed"].view(np.uint8) <= 1)
    )
    return sound


def _read_bare_polls(data: bytes) -> Records:
    bare = np.frombuffer(data, BARE_POLL)
    if len(bare) > MAXIMUM_POLLS:
        raise ValueError(f"{len(bare)} polls")
    polls = np.zeros(len(bare), POLL)
    for name in BARE_POLL.names or ():
        polls[name] = bare[name]
    polls["slot"] = np.arange(len(bare))
    return polls


def _are_sound_records(records: Records) -> NDArray[np.bool_]:
    return np.ones(len(records), np.bool_)


def _read_bare_ballots(data: bytes) -> Records:
    return np.frombuffer(data, BALLOT)


POLL_FORM = Form("polls", 1, POLL, _are_sound_polls, _read_bare_polls)
VOTER_FORM = Form("voters", 1, VOTER, _are_sound_records)
_BALLOT_FORM = Form("ballots", 0, BALLOT, _are_sound_records, _read_bare_ballots)


class PollTables(NamedTuple):
    """Records of :data:`POLL` and of :data:`VOTER`; closed polls stay known, without voters."""

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
    ballots: Sequence[bytes | None],
    audience: Table,
) -> tuple[PollTables, list[LostTable]]:
    """The tables of the sessions ``rows``, and those that could not be read.

    A session whose polls are lost begins anew with them. One whose voters are lost keeps the
    numbers of its polls, and who votes on them again counts again.

    Args:
        rows: sorted.
        polls, voters: one blob for each of ``rows``.
        ballots: the same, where the release before has left any.
        audience: of these sessions; only asked for who cast those ballots.
    """
    of_polls, of_voters = (
        unpack_table(rows, polls, POLL_FORM),
        unpack_table(rows, voters, VOTER_FORM),
    )
    of_ballots = unpack_table(rows, ballots, _BALLOT_FORM)
    table = of_voters.table
    if len(of_ballots.table.rows):
        table = append(table, *_voters_of_ballots(of_polls.table, audience, of_ballots.table))
    return PollTables(of_polls.table, table), [*of_polls.lost, *of_voters.lost, *of_ballots.lost]


def _voters_of_ballots(polls: Table, audience: Table, ballots: Table) -> Table:
    """Who in the audience cast the ballots of the open polls, each a hash of user and poll.

    All tables are sorted by session.
    """
    voted = np.zeros(len(audience.rows), np.uint64)
    is_open = ~polls.records["closed"]
    for row in np.unique(polls.rows[is_open]).tolist():
        cast, here = np.sort(ballots.records["ballot"][_part(ballots, row)]), _part(audience, row)
        users = audience.records["user"][here]
        for record in polls.records[is_open & (polls.rows == row)]:
            expected = combine(users, np.full(len(users), record["poll"]))
            # In order, many look-ups are much faster.
            order = np.argsort(expected)
            _, found = positions_of(cast, expected[order])
            voted[here][order[found]] |= slot_bits(record["slot"])
    chosen = voted != 0
    records = np.zeros(int(chosen.sum()), VOTER)
    records["user"], records["voted"] = audience.records["user"][chosen], voted[chosen]
    return Table(audience.rows[chosen], records)


def _part(table: Table, row: int) -> slice:
    return slice(*np.searchsorted(table.rows, [row, row + 1]).tolist())


def slot_bits(slots: NDArray[np.uint8]) -> NDArray[np.uint64]:
    bits: NDArray[np.uint64] = np.uint64(1) << slots.astype(np.uint64)
    return bits
