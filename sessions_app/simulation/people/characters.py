"""Characters of simulated sessions: how people behave in which phase, as plain data.

A new kind of session is one more :class:`Character`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import cycle
from typing import NamedTuple


@dataclass(frozen=True)
class Phase:
    """A stretch of a session in which people behave alike.

    Attributes:
        kind: what it is called where sessions are labelled, such as ``steady`` or ``mass_exit``.
        duration_s: its length, in seconds.
        activity: factor on the character's rates of chat, reactions and votes.
        leaving: share of those present who leave per minute.
        arriving: share of those absent who come (back) per minute.
        applause: reactions per person in the first ten seconds of the phase.
        chat: factor on the rate of chat alone.
        hiccup: share of those present who lose their connection as the phase begins, and come
            straight back.
    """

    kind: str
    duration_s: float
    activity: float = 1.0
    leaving: float = 0.01
    arriving: float = 0.05
    applause: float = 0.0
    chat: float = 1.0
    hiccup: float = 0.0


@dataclass(frozen=True)
class Polls:
    """When a session has polls, and how many take part.

    Attributes:
        first_s: when the first one opens, in seconds after the start.
        every_s: seconds from one opening to the next.
        open_s: for how long each is open.
        participation: share of those present who vote.
    """

    first_s: float
    every_s: float
    open_s: float
    participation: float


@dataclass(frozen=True)
class Character:
    """A kind of session.

    Attributes:
        key: part of the session's ID.
        title: what the session is called.
        audience: how many people belong to it at most.
        arrival_s: within how many seconds of the start most of them arrive.
        chat: messages per person present and minute.
        reactions: the same, of reactions.
        burst: factor on chat while something excites people.
        phases: what happens, one after the other.
        repeats: whether the phases after the first go on in turn for as long as is asked for;
            otherwise all leave at the end.
        polls: its polls, if it has any.
        dropouts: share of those present who lose their connection per minute and come back.
        bursts: how often something excites people, per minute.
        announced: share of the people whose client says when they come and when they leave; of
            the others, only signs of life are heard.
        signs: signs of life per person present and minute, besides what they do.
    """

    key: str
    title: str
    audience: int
    arrival_s: float
    chat: float
    reactions: float
    phases: tuple[Phase, ...]
    burst: float = 1.0
    repeats: bool = True
    polls: Polls | None = None
    dropouts: float = 0.02
    bursts: float = 1.0
    announced: float = 1.0
    signs: float = 0.1

    @property
    def duration_s(self) -> float | None:
        """Seconds from the start to the end; None without an end."""
        return None if self.repeats else sum(phase.duration_s for phase in self.phases)


class PlannedPhase(NamedTuple):
    """A phase in time: ``[start_s, end_s)``, in seconds since the start of the simulation."""

    start_s: float
    end_s: float
    phase: Phase


def plan(character: Character, start_s: float) -> Iterator[PlannedPhase]:
    """The phases of a session that starts at ``start_s``, in order; endless if they repeat."""
    for phase in _sequence(character):
        yield PlannedPhase(start_s, start_s + phase.duration_s, phase)
        start_s += phase.duration_s


def _sequence(character: Character) -> Iterator[Phase]:
    yield from character.phases
    if character.repeats:
        yield from cycle(character.phases[1:] or character.phases)
