"""A programme being drawn: what happens in a session, tick by tick, before it becomes phases."""

from dataclasses import dataclass, field
from typing import Self

import numpy as np
from numpy.typing import NDArray

from sessions_app.simulation.labelled.labels import Stretch
from sessions_app.simulation.people.characters import Phase
from sessions_app.ticks import TICK_SECONDS

Floats = NDArray[np.float64]

PROGRAMME = "programme"
BREAK = "break"
CLOSING = "closing"


@dataclass
class Programme:
    """Arrays of one element per tick; what is drawn later acts on what is there.

    Attributes:
        activity: factor on all that people do, where it is the state of the room.
        passing: the same, of what passes by, such as a film or the moods of a crowd.
        chat: factor on chat alone.
        leaving, arriving: as in :class:`sessions_app.simulation.people.characters.Phase`.
        applause, hiccup: the same; 0 where there is none.
        agenda: what an organizer's schedule says.
        negatives, excused: labels of what has been drawn.
    """

    activity: Floats
    passing: Floats
    chat: Floats
    leaving: Floats
    arriving: Floats
    applause: Floats
    hiccup: Floats
    agenda: list[str]
    negatives: list[Stretch] = field(default_factory=list)
    excused: list[Stretch] = field(default_factory=list)

    @classmethod
    def steady(cls, ticks: int, leaving: float, arriving: float) -> Self:
        """A session in which nothing happens."""
        return cls(
            activity=np.ones(ticks),
            passing=np.ones(ticks),
            chat=np.ones(ticks),
            leaving=np.full(ticks, leaving),
            arriving=np.full(ticks, arriving),
            applause=np.zeros(ticks),
            hiccup=np.zeros(ticks),
            agenda=[PROGRAMME] * ticks,
        )

    @property
    def ticks(self) -> int:
        """Its length."""
        return len(self.activity)

    def note(self, kind: str, start: int, end: int) -> None:
        """Labels the ticks from ``start`` to ``end`` as something that is no anomaly."""
        self.negatives.append(Stretch(start, min(end, self.ticks - 1), kind))

    def excuse(self, kind: str, start: int, end: int) -> None:
        """Labels the ticks from ``start`` to ``end`` as neither right nor wrong to notice."""
        self.excused.append(Stretch(start, min(end, self.ticks - 1), kind))

    def schedule(self, kind: str, start: int, end: int) -> None:
        """Writes ``kind`` into the agenda from ``start`` to ``end``."""
        last = min(end, self.ticks - 1)
        self.agenda[start : last + 1] = [kind] * (last + 1 - start)

    def is_free(self, start: int, end: int) -> bool:
        """Whether nothing from ``start`` to ``end`` is excused."""
        return not any(each.start <= end and start <= each.end for each in self.excused)

    def phases(self) -> tuple[Phase, ...]:
        """The programme as phases; ticks that are alike become one."""
        columns = np.stack(
            [
                self.activity * self.passing,
                self.leaving,
                self.arriving,
                self.applause,
                self.chat,
                self.hiccup,
            ]
        )
        starts = np.ones(self.ticks, dtype=np.bool_)
        starts[1:] = (columns[:, 1:] != columns[:, :-1]).any(axis=0)
        # Two rounds of applause, or two hiccups, are two.
        starts |= (self.applause > 0) | (self.hiccup > 0)
        bounds = np.flatnonzero(np.append(starts, True))
        return tuple(
            Phase(
                self.agenda[start], float(end - start) * TICK_SECONDS, *columns[:, start].tolist()
            )
            for start, end in zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True)
        )
