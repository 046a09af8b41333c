"""The truth behind a programme: what its signals would be if chance had no part in them."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sessions_app.scoring import ScoreSettings, Signals, score
from sessions_app.simulation.characters import Character
from sessions_app.simulation.course import Course, expected_presence
from sessions_app.simulation.habits import BURST_SECONDS
from sessions_app.simulation.programme import Programme
from sessions_app.ticks import TICK_SECONDS, WINDOW_TICKS

Floats = NDArray[np.float64]


class Truth(NamedTuple):
    """Arrays of one element per tick, at its end.

    Attributes:
        present: share of the audience that is there.
        seen: share of the audience that has been there.
        level: engagement in [0, 1], without polls and without what passes by.
        leave_rate: people whose leave is announced within the last 60 s, over those who were there.
    """

    present: Floats
    seen: Floats
    level: Floats
    leave_rate: Floats


def truth_of(character: Character, programme: Programme) -> Truth:
    """What is true of a programme; it is measured at this very instant, without a window."""
    seconds = np.repeat(
        [programme.activity, programme.leaving, programme.arriving], TICK_SECONDS, axis=1
    )
    activity, leaving, arriving = seconds
    course = Course(activity, activity, leaving, arriving, ())
    expected = expected_presence(course, character.arrival_s)
    last = slice(TICK_SECONDS - 1, None, TICK_SECONDS)
    present, seen = expected.present[last], expected.seen[last]
    leavers = (expected.present * leaving / 60).reshape(-1, TICK_SECONDS).sum(axis=1)
    return Truth(
        present,
        seen,
        level_of(character, present, seen, programme.activity),
        _leave_rate(leavers * character.announced, present),
    )


def level_of(character: Character, present: Floats, seen: Floats, activity: Floats) -> Floats:
    """Engagement where shares of the audience are present and have been seen."""
    people = character.audience * present
    excited = 1 - np.exp(-character.bursts / 60 * sum(BURST_SECONDS) / 2)
    chat = character.chat * (1 + (character.burst - 1) * excited)
    signals = Signals(
        chat_msgs_per_min=people * activity * chat,
        poll_participation=0.0,
        active_users=people,
        total_users=character.audience * seen,
        reactions_per_min=people * activity * character.reactions,
        user_leave_rate=0.0,
    )
    return score(signals, ScoreSettings())


def _leave_rate(leavers: Floats, present: Floats) -> Floats:
    total = np.concatenate([np.zeros(WINDOW_TICKS), np.cumsum(leavers)])
    before = np.concatenate([np.zeros(WINDOW_TICKS), present])[: len(present)]
    recent = total[WINDOW_TICKS:] - total[:-WINDOW_TICKS]
    rate: Floats = np.divide(recent, before, out=np.zeros_like(recent), where=before > 0)
    return rate
