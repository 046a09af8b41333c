"""Notices of polls that a tick produces: first votes and closings, with the polls' names."""

from collections.abc import Iterable
from enum import StrEnum

import msgspec
import numpy as np
from numpy.typing import NDArray

from sessions_app.events.blocks import PollName
from sessions_app.state.polls import Moments


class PollMomentKind(StrEnum):
    """A moment that each poll has once."""

    FIRST_VOTE = "FIRST_VOTE"
    CLOSED = "CLOSED"

    @property
    def label(self) -> str:
        """The kind in words, for display."""
        return self.value.replace("_", " ").capitalize()


class PollNotice(msgspec.Struct, frozen=True, array_like=True):
    """A poll was voted on for the first time, or was closed.

    Attributes:
        session_id: database key.
        poll_id: the platform's ID.
        voters: users who had voted by then.
        present: users who were active at the first vote, at least 1.
    """

    session_id: int
    poll_id: str
    kind: PollMomentKind
    voters: int
    present: int


def poll_notices(
    moments: Moments, session_ids: NDArray[np.int64], polls: Iterable[PollName]
) -> list[PollNotice]:
    """Turns the moments of a tick into notices with the polls' names.

    Args:
        moments: of a tick.
        session_ids: database key of each row.
        polls: names of at least those polls.
    """
    names = {}
    for subject, unkeyed_subject, poll_id in polls:
        names[subject] = names[unkeyed_subject] = poll_id
    columns = (session_ids[moments.rows], *moments[1:])
    return [
        PollNotice(
            session_id,
            names[poll],
            PollMomentKind.CLOSED if is_closing else PollMomentKind.FIRST_VOTE,
            voters,
            present,
        )
        for session_id, poll, is_closing, voters, present in zip(
            *(column.tolist() for column in columns), strict=True
        )
        if poll in names
    ]
