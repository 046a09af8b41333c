"""Recorded signals in the order that the detector needs: one step of all sessions at once.

Sessions are shifted in time so that all of them begin at the same step: they do not influence one
another, and larger steps are more efficient.
"""

from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sessions_app.recordings.signal_recording import SIGNALS, RecordedSignals
from sessions_app.scoring.score import Signals

# After a longer gap the session starts anew.
LONGEST_GAP_TICKS = 12
# Rows that are sorted at once, to spread the overhead of a step.
BLOCK_ROWS = 50_000


class Step(NamedTuple):
    """One tick of every stretch that has reached this age.

    Attributes:
        number: of the step, from 0.
        stretches: indices of the stretches, ascending.
        signals: one element per stretch.
        muted: stretches in a scheduled break or in a gap.
    """

    number: int
    stretches: NDArray[np.int64]
    signals: Signals
    muted: NDArray[np.bool_]


class Block(NamedTuple):
    """Consecutive steps, as arrays with one element per row.

    Attributes:
        first: number of the first step.
        ends: the row after the last one of each step.
    """

    first: int
    ends: list[int]
    stretches: NDArray[np.int64]
    signals: Signals
    muted: NDArray[np.bool_]

    def steps(self) -> Iterator[tuple[Step, slice]]:
        """The steps with the positions of their rows."""
        for number, (start, end) in enumerate(pairwise((0, *self.ends)), start=self.first):
            rows = slice(start, end)
            signals = Signals(*(np.asarray(values)[rows] for values in self.signals))
            yield Step(number, self.stretches[rows], signals, self.muted[rows]), rows


class RecordedSessions:
    """Recorded sessions, split into stretches without long gaps; shorter gaps are filled.

    Args:
        recorded: the table.

    Attributes:
        session_ids: the platform's session ID of each stretch.
        sessions: index of each stretch's session in ``recorded.session_ids``.
        first_ticks: the first tick of each stretch.
    """

    def __init__(self, recorded: RecordedSignals) -> None:
        order = np.lexsort((recorded.tick, recorded.session))
        session, tick = recorded.session[order], recorded.tick[order]
        same = np.diff(session, prepend=-1) == 0
        gap = np.where(same, np.diff(tick, prepend=0), LONGEST_GAP_TICKS + 1)
        begins = gap > LONGEST_GAP_TICKS
        stretch = np.cumsum(begins) - 1
        self.first_ticks: NDArray[np.int64] = tick[begins]
        self.sessions: NDArray[np.int64] = session[begins]
        self.session_ids = [recorded.session_ids[number] for number in self.sessions.tolist()]
        # A row is repeated for the gap after it.
        following = np.append(gap, 1)[1:]
        repeats = np.where(following > LONGEST_GAP_TICKS, 1, following)
        source = np.repeat(np.arange(len(order)), repeats)
        filling = np.arange(len(source)) - np.repeat(np.cumsum(repeats) - repeats, repeats)
        number = (tick - self.first_ticks[stretch])[source] + filling
        in_time = np.lexsort((stretch[source], number))
        self._rows = order[source][in_time]
        self._stretches = stretch[source][in_time]
        self._muted = recorded.muted[self._rows] | (filling[in_time] > 0)
        self._recorded = recorded
        self._ends = np.cumsum(np.bincount(number))

    @property
    def row_count(self) -> int:
        """The number of session-ticks, including those in filled gaps."""
        return len(self._rows)

    def steps(self) -> Iterator[Step]:
        """All steps, in order."""
        for block in self.blocks():
            for step, _ in block.steps():
                yield step

    def blocks(self) -> Iterator[Block]:
        """All steps in blocks of about :data:`BLOCK_ROWS`."""
        first, start = 0, 0
        while first < len(self._ends):
            last = int(np.searchsorted(self._ends, start + BLOCK_ROWS, side="right"))
            last = max(last, first + 1)
            ends = self._ends[first:last]
            part = slice(start, int(ends[-1]))
            rows = self._rows[part]
            signals = Signals(*(getattr(self._recorded, name)[rows] for name in SIGNALS))
            steps = (ends - start).tolist()
            yield Block(first, steps, self._stretches[part], signals, self._muted[part])
            first, start = last, int(ends[-1])
