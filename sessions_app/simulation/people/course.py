"""The course of a session as numbers: the rates of its phases, second by second."""

from math import gamma
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sessions_app.simulation.people.characters import Character, Phase, plan
from sessions_app.simulation.people.timings import ARRIVAL_SHAPE, AT_THE_START

Floats = NDArray[np.float64]


class Moment(NamedTuple):
    """The beginning of a phase: its second, and the phase."""

    second: int
    phase: Phase


class Course(NamedTuple):
    """A session's phases: arrays of one element per second, and where the phases begin.

    Attributes:
        activity: factor on the rates of chat, reactions and votes.
        chat: factor on the rate of chat, including ``activity``.
        leaving: share of those present who leave per minute.
        arriving: share of those absent who arrive per minute.
        moments: where phases begin, except the first.
    """

    activity: Floats
    chat: Floats
    leaving: Floats
    arriving: Floats
    moments: tuple[Moment, ...]

    @property
    def seconds(self) -> int:
        """Its length in seconds."""
        return len(self.activity)


def course_of(character: Character, seconds: int) -> Course:
    """The first ``seconds`` of a character's phases; they begin on whole seconds."""
    columns = np.ones((4, seconds))
    moments = []
    for start_s, end_s, phase in plan(character, 0.0):
        if start_s >= seconds:
            break
        span = slice(int(np.ceil(start_s)), int(np.ceil(end_s)))
        rates = (phase.activity, phase.activity * phase.chat, phase.leaving, phase.arriving)
        columns[:, span] = np.array(rates)[:, np.newaxis]
        moments.append(Moment(span.start, phase))
    activity, chat, leaving, arriving = columns
    return Course(activity, chat, leaving, arriving, tuple(moments[1:]))


class Expectation(NamedTuple):
    """Expected shares of a session's audience, at the end of each second.

    Attributes:
        present: people who are present.
        seen: people who have been present so far.
    """

    present: Floats
    seen: Floats


def expected_presence(course: Course, arrival_s: float) -> Expectation:
    """The expected presence over the course of a session.

    Connections lost for seconds do not count as absence.
    """
    present = seen = gone = 0.0
    waiting, unseen = AT_THE_START, 1 - AT_THE_START
    presents, seens = [], []
    arrivals = max(1.0, arrival_s)
    per_second = zip((course.leaving / 60).tolist(), (course.arriving / 60).tolist(), strict=True)
    for second, (leaving, arriving) in enumerate(per_second):
        on_time = min(
            waiting, AT_THE_START * _arrival_density((second + 0.5) / arrivals) / arrivals
        )
        leavers, returners, late = present * leaving, gone * arriving, unseen * arriving
        waiting, unseen = waiting - on_time, unseen - late
        present += on_time + returners + late - leavers
        gone += leavers - returners
        seen += on_time + late
        presents.append(present)
        seens.append(seen)
    return Expectation(np.array(presents), np.array(seens))


def _arrival_density(share: float) -> float:
    """Density of the beta distribution that arrivals follow, at a share of ``arrival_s``."""
    early, late = ARRIVAL_SHAPE
    if not 0 < share < 1:
        return 0.0
    normaliser = gamma(early + late) / gamma(early) / gamma(late)
    density: float = normaliser * share ** (early - 1) * (1 - share) ** (late - 1)
    return density
