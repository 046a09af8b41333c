"""A session's programme, tick by tick, while it is drawn; later it becomes phases."""

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
    """Arrays of one element per tick; later draws modify what earlier ones have set.

    Attributes:
        activity: factor on all activity that counts as the state of the room.
        passing: factor on all activity for transient reasons such as a video or the crowd's mood.
        chat: factor on chat alone.
        leaving, arriving: as in :class:`sessions_app.simulation.people.characters.Phase`.
        applause, hiccup: likewise; 0 where there is none.
        agenda: the organizer's schedule, a word per tick.
        negatives, excused: labels of what has been drawn so far.
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
        """A session with constant rates, in which nothing happens."""
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
        """Its length in ticks."""
        return len(self.activity)

    def note(self, kind: str, start: int, end: int) -> None:
        """Labels the ticks from ``start`` to ``end`` as not anomalous."""
        self.negatives.append(Stretch(start, min(end, self.ticks - 1), kind))

    def excuse(self, kind: str, start: int, end: int) -> None:
        """Labels the ticks from ``start`` to ``end`` as neither right nor wrong to detect."""
        self.excused.append(Stretch(start, min(end, self.ticks - 1), kind))

    def schedule(self, kind: str, start: int, end: int) -> None:
        """Writes ``kind`` into the agenda from ``start`` to ``end``."""
        last = min(end, self.ticks - 1)
        self.agenda[start : last + 1] = [kind] * (last + 1 - start)

    def is_free(self, start: int, end: int) -> bool:
        """Whether no tick from ``start`` to ``end`` is excused."""
        return not any(each.start <= end and start <= each.end for each in self.excused)

    def phases(self) -> tuple[Phase, ...]:
        """The programme as phases; consecutive equal ticks are merged."""
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
        # Two consecutive rounds of applause, or two hiccups, stay separate.
        starts |= (self.applause > 0) | (self.hiccup > 0)
        bounds = np.flatnonzero(np.append(starts, True))
        return tuple(
            Phase(
                self.agenda[start], float(end - start) * TICK_SECONDS, *columns[:, start].tolist()
            )
            for start, end in zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True)
        )
