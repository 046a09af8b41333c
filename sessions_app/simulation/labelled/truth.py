"""The ground truth of a programme: the expected values of its signals, without randomness."""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sessions_app.scoring.score import ScoreSettings, Signals, score
from sessions_app.simulation.labelled.programme import Programme
from sessions_app.simulation.people.characters import Character
from sessions_app.simulation.people.course import Course, expected_presence
from sessions_app.simulation.people.timings import BURST_SECONDS
from sessions_app.ticks import TICK_SECONDS, WINDOW_SECONDS, WINDOW_TICKS

Floats = NDArray[np.float64]


class Truth(NamedTuple):
    """Arrays of one element per tick, at its end.

    Attributes:
        present: share of the audience that is present.
        seen: share of the audience that has been present so far.
        level: engagement in [0, 1], without polls and transient activity.
        leave_rate: announced leaves in the last 60 s, divided by the people present before them.
    """

    present: Floats
    seen: Floats
    level: Floats
    leave_rate: Floats


def truth_of(character: Character, programme: Programme) -> Truth:
    """The expected course of a programme, by the definitions of the signals with 60 s windows."""
    activity, leaving, arriving = np.repeat(
        [programme.activity, programme.leaving, programme.arriving], TICK_SECONDS, axis=1
    )
    course = Course(activity, activity, leaving, arriving, ())
    expected = expected_presence(course, character.arrival_s)
    last = slice(TICK_SECONDS - 1, None, TICK_SECONDS)
    present, seen = expected.present[last], expected.seen[last]
    leavers = (expected.present * leaving / 60).reshape(-1, TICK_SECONDS).sum(axis=1)
    acting = _over_window(present * programme.activity, np.full(WINDOW_TICKS, 1 / WINDOW_TICKS))
    active = present * heard_share(character) + _faded(character, leavers)
    return Truth(
        present,
        seen,
        level_of(character, acting, active, seen),
        _leave_rate(leavers * character.announced, present),
    )


def level_of(character: Character, acting: Floats, active: Floats, seen: Floats) -> Floats:
    """Engagement without polls and leaves, in [0, 1]; arguments are shares of the audience.

    Args:
        character: how people behave.
        acting: people present, weighted by their activity factor.
        active: people who are present or were heard from.
        seen: people who have been present so far.
    """
    excited = 1 - np.exp(-character.bursts / 60 * sum(BURST_SECONDS) / 2)
    chat = character.chat * (1 + (character.burst - 1) * excited)
    signals = Signals(
        chat_msgs_per_min=character.audience * acting * chat,
        poll_participation=0.0,
        active_users=character.audience * active,
        total_users=character.audience * seen,
        reactions_per_min=character.audience * acting * character.reactions,
        user_leave_rate=0.0,
    )
    return score(signals, ScoreSettings())


def heard_share(character: Character) -> float:
    """Share of those present who count as active, because announced or heard from."""
    return character.announced + (1 - character.announced) * _heard(character, 60.0)


def _heard(character: Character, seconds: float) -> float:
    return 1 - math.exp(-character.signs * seconds / 60)


def _faded(character: Character, leavers: Floats) -> Floats:
    """People who have left but still count as active, because their leave was not announced."""
    ages = (np.arange(WINDOW_TICKS) + 0.5) * TICK_SECONDS
    heard = [_heard(character, WINDOW_SECONDS - age) for age in ages.tolist()]
    return _over_window((1 - character.announced) * leavers, np.array(heard))


def _over_window(values: Floats, weights: Floats) -> Floats:
    """Sums over each tick and its predecessors, weighted by their age in ticks."""
    sums: Floats = np.convolve(values, weights)[: len(values)]
    return sums


def _leave_rate(leavers: Floats, present: Floats) -> Floats:
    recent = _over_window(leavers, np.ones(WINDOW_TICKS))
    before = np.concatenate([np.zeros(WINDOW_TICKS), present])[: len(present)]
    rate: Floats = np.divide(recent, before, out=np.zeros_like(recent), where=before > 0)
    return rate
