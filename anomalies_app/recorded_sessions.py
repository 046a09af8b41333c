"""Recorded signals in the order in which the detector wants them: one step of all sessions at once.

Sessions are moved in time so that all begin at the same step: they do not influence one another,
and the more there are in a step, the faster it goes.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sessions_app.recorded_signals import SIGNALS, RecordedSignals
from sessions_app.scoring import Signals

# A longer hole begins the session anew.
LONGEST_HOLE_TICKS = 12


class Step(NamedTuple):
    """One tick of every stretch that is that old.

    Attributes:
        number: of the step, from 0.
        stretches: which stretches, ascending.
        signals: one element per stretch.
        muted: where the agenda or a hole keeps the detector quiet.
    """

    number: int
    stretches: NDArray[np.int64]
    signals: Signals
    muted: NDArray[np.bool_]


class RecordedSessions:
    """The stretches of recorded sessions, without holes.

    Args:
        recorded: the table.

    Attributes:
        session_ids: of each stretch.
        sessions: position of each stretch's session in ``recorded.session_ids``.
        first_ticks: of each stretch.
        rows: number of session-ticks, those that fill holes included.
    """

    def __init__(self, recorded: RecordedSignals) -> None:
        order = np.lexsort((recorded.tick, recorded.session))
        session, tick = recorded.session[order], recorded.tick[order]
        same = np.diff(session, prepend=-1) == 0
        gap = np.where(same, np.diff(tick, prepend=0), LONGEST_HOLE_TICKS + 1)
        begins = gap > LONGEST_HOLE_TICKS
        stretch = np.cumsum(begins) - 1
        self.first_ticks: NDArray[np.int64] = tick[begins]
        self.sessions: NDArray[np.int64] = session[begins]
        self.session_ids = [recorded.session_ids[number] for number in self.sessions.tolist()]
        # A row stands for the hole after it, too.
        following = np.append(gap[1:], 1) if len(gap) else gap
        repeats = np.where(following > LONGEST_HOLE_TICKS, 1, following)
        source = np.repeat(np.arange(len(order)), repeats)
        filling = np.arange(len(source)) - np.repeat(np.cumsum(repeats) - repeats, repeats)
        number = (tick - self.first_ticks[stretch])[source] + filling
        in_time = np.lexsort((stretch[source], number))
        self._rows = order[source][in_time]
        self._stretches = stretch[source][in_time]
        self._muted = recorded.muted[self._rows] | (filling[in_time] > 0)
        self._recorded = recorded
        self._ends = np.cumsum(np.bincount(number)) if len(number) else np.zeros(0, np.int64)

    @property
    def row_count(self) -> int:
        return len(self._rows)

    def steps(self) -> Iterator[Step]:
        """All steps, in order."""
        start = 0
        for number, end in enumerate(self._ends.tolist()):
            rows = self._rows[start:end]
            signals = Signals(*(getattr(self._recorded, name)[rows] for name in SIGNALS))
            yield Step(number, self._stretches[start:end], signals, self._muted[start:end])
            start = end
