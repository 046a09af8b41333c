"""Characters of simulated sessions: how people behave in each phase, as plain data.

To add a kind of session, add a :class:`Character`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import cycle
from typing import NamedTuple


@dataclass(frozen=True)
class Phase:
    """A part of a session in which behaviour does not change.

    Attributes:
        kind: its name in labelled sessions, such as ``steady`` or ``mass_exit``.
        duration_s: its length, in seconds.
        activity: factor on the character's rates of chat, reactions and votes.
        leaving: share of those present who leave per minute.
        arriving: share of those absent who arrive or return per minute.
        applause: reactions per person in the first ten seconds of the phase.
        chat: factor on the rate of chat alone.
        hiccup: share of those present who lose their connection as the phase begins, and soon
            return.
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
    """The timing of a session's polls, and the participation.

    Attributes:
        first_s: seconds from the start to the first opening.
        every_s: seconds from one opening to the next.
        open_s: seconds for which each poll is open.
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
        title: title of the session.
        audience: maximum number of people.
        arrival_s: seconds from the start within which most people arrive.
        chat: messages per person present and minute.
        reactions: reactions per person present and minute.
        burst: factor on chat during a burst of excitement.
        phases: its phases, in order.
        repeats: whether the phases after the first repeat for as long as needed; otherwise
            everybody leaves at the end.
        polls: its polls, if any.
        dropouts: share of those present who lose their connection per minute and return.
        bursts: bursts of excitement per minute.
        announced: share of the people whose clients announce joins and leaves; the others only
            give signs of life.
        signs: signs of life per person present and minute, in addition to other activity.
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
        """Seconds from the start to the end; None if it is endless."""
        return None if self.repeats else sum(phase.duration_s for phase in self.phases)


class PlannedPhase(NamedTuple):
    """A phase and its interval ``[start_s, end_s)``, in seconds since the simulation's start."""

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
