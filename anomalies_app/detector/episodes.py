"""When an alert is raised, how it escalates, and when it is over.

One episode, one alert: rules begin it, and hysteresis ends it. Whether a fall was sudden or
gradual is told by how long it took, and low engagement is what a fall leads to.
"""

from enum import IntEnum
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from anomalies_app.detector.falls import fall_ticks, smoothed
from anomalies_app.detector.features import Evidence, restart_levels
from anomalies_app.detector.state import MINUTE_TICKS, NO_EPISODE, DetectorState
from sessions_app.scoring.detection_settings import DetectionSettings
from sessions_app.scoring.score import Signals

Floats = NDArray[np.float32]
Flags = NDArray[np.bool_]

# No report on less: levels must have settled, and five points are the least by specification.
YOUNGEST_TICKS = 24
# A break's silence stays in the windows for a minute after it.
MUTED_AFTER_TICKS = 24

# Seen through 60 s windows, a fall shows this share of itself when it is time to act on it, if
# presence confirms it; without that it must be deeper than the threshold, and last.
EARLY_SHARE = 0.6
CHAT_ONLY_DEVIATIONS = 1.0
CHAT_ONLY_MINUTES = 1.0
# A quiet chat pauses for minutes: so many messages must be missing, at its usual pace.
FEWEST_MESSAGES = 20.0
EARLY_PRESENCE_FALL = 0.05
PRESENCE_DEVIATIONS = 5.0
FEWEST_PEOPLE = 3.0
SLOW_SHARE = 0.6
SLOW_WANDER = 1.2
SLOW_PRESENCE_FALL = 0.025
SLOW_DEVIATIONS = 1.0
# What one of vitality and presence lacks the other may make up for, down to this share of it.
SLOW_LEAST = 0.57
ALONE_SHARE = 0.35
ALONE_DEVIATIONS = 2.0

EXIT_NET_LOSS = 0.08
EXIT_TICKS = 3
# A network takes a third of a room at most: what takes more is believed one or two ticks sooner.
LARGE_LOSS = 0.36
HUGE_LOSS = 0.48
# People who leave in numbers may be back in seconds: then it was the network.
LEAVING_RATE = 0.10
GRADUAL_TICKS = 6
# A score is low when it has been below the threshold by one deviation for two minutes. A tick is
# worth one and a half at most: a minute in which nobody happens to write is not enough.
LOW_EVIDENCE = 24.0
LARGEST_LOW_STEP = 1.5

CALM_TICKS = 6
CALM_VITALITY_FALL = 0.10
CALM_PRESENCE_FALL = 0.06
# What has lasted so long is how it is now.
LONGEST_TICKS = 180
LONGEST_EXIT_TICKS = 36
# Runs are counted no further than this and one step more, so that they fit into a byte.
LONGEST_RUN = 252


class Kind(IntEnum):
    """Types of anomalies, as they are stored in the state; 0 is none."""

    SUDDEN_DROP = 1
    GRADUAL_DECLINE = 2
    MASS_EXIT = 3
    LOW_ENGAGEMENT = 4


class Level(IntEnum):
    """Severities, as they are stored in the state."""

    WARNING = 1
    CRITICAL = 2


class Changes(NamedTuple):
    """Which sessions' episodes have changed in a tick; positions, each in one of them at most.

    Attributes:
        ended_kinds: what those that ended were, since the state has forgotten it.
    """

    began: NDArray[np.int64]
    escalated: NDArray[np.int64]
    ended: NDArray[np.int64]
    ended_kinds: NDArray[np.uint8]


def advance_episodes(
    state: DetectorState,
    evidence: Evidence,
    signals: Signals,
    scores: Floats,
    muted: Flags,
    settings: DetectionSettings,
) -> Changes:
    """Begins, escalates and ends episodes.

    Args:
        state: at the tick; episodes, severities and runs are changed in place.
        evidence: of the tick.
        signals: of the tick.
        scores: combined anomaly scores in [0, 1].
        muted: where nothing may be raised: breaks, and what was announced to be over.
        settings: of each session's event.
    """
    _count_runs(state, evidence, signals, muted, settings)
    _weigh_low_scores(state, muted, settings)
    was_open = np.flatnonzero(state["episode"])
    began = _begin(state, evidence, scores, settings)
    escalated = _escalate(state, scores, was_open, settings) if len(was_open) else was_open
    kinds = state["episode"].copy()
    ended = _end(state, evidence, was_open, muted) if len(was_open) else was_open
    worse = np.setdiff1d(escalated, ended) if len(ended) and len(escalated) else escalated
    return Changes(began, worse, ended, kinds[ended])


def _count_runs(
    state: DetectorState,
    evidence: Evidence,
    signals: Signals,
    muted: Flags,
    settings: DetectionSettings,
) -> None:
    ease = np.sqrt(np.asarray(settings.sensitivity, np.float32))
    drop = np.asarray(settings.sudden_drop_threshold, np.float32) / ease
    level, presence = state["presence_level"], evidence.presence
    leave_rate = np.asarray(signals.user_leave_rate, np.float32)

    noise = np.sqrt(state["presence_dispersion"] / np.maximum(level, 1))
    stays = leave_rate < np.maximum(LEAVING_RATE, evidence.net_loss / 2)
    missed = level - presence >= FEWEST_PEOPLE
    fast = (
        (evidence.vitality_fall >= EARLY_SHARE * drop)
        & (evidence.presence_fall >= (EARLY_PRESENCE_FALL + PRESENCE_DEVIATIONS * noise) / ease)
        & missed
        & stays
    )
    wander = np.sqrt(state["vitality_variance"]) / np.maximum(state["vitality_level"], 0.05)
    deep = drop + CHAT_ONLY_DEVIATIONS * wander / ease
    silent = evidence.vitality_fall >= deep
    less = evidence.vitality_slow / (SLOW_SHARE * drop + SLOW_WANDER * wander / ease)
    fewer = evidence.presence_slow / ((SLOW_PRESENCE_FALL + SLOW_DEVIATIONS * noise) / ease)
    both = (np.minimum(less, fewer) >= SLOW_LEAST) & (less * fewer >= 1)
    deserted = evidence.presence_slow >= ALONE_SHARE * drop + ALONE_DEVIATIONS * noise / ease
    slow = (both | deserted) & missed & stays

    before = state.remembered("presence", state.tick - 1)
    exits = (
        (leave_rate >= np.asarray(settings.mass_exit_threshold, np.float32) / ease)
        & (evidence.net_loss >= EXIT_NET_LOSS)
        & (presence <= before * 1.01 + 0.5)
        & (evidence.presence_minute_ago - presence >= FEWEST_PEOPLE)
    )
    runs = state.group("runs")
    np.minimum(runs, LONGEST_RUN, out=runs)
    runs += 1
    exit_runs = runs[0]
    exit_runs += evidence.net_loss >= LARGE_LOSS
    exit_runs += evidence.net_loss >= HUGE_LOSS
    runs *= np.array([exits, fast, slow, silent])

    waiting = np.maximum(state["quiet_for"], 1) - np.uint8(1)
    state["quiet_for"] = np.where(muted, np.uint8(MUTED_AFTER_TICKS), waiting)


def _weigh_low_scores(state: DetectorState, muted: Flags, settings: DetectionSettings) -> None:
    """Adds up how far scores are below the threshold, in deviations; never below 0.

    A mean over a fixed time would miss noisy rooms that stay a little below the threshold, or take
    those for low that are above it and silent for a moment.
    """
    threshold = np.asarray(settings.low_engagement_threshold, np.float32)
    below = threshold - state.remembered("score", state.tick)
    step = below / np.sqrt(state["vitality_variance"])
    step = np.minimum(np.maximum(step, -LARGEST_LOW_STEP), LARGEST_LOW_STEP)
    weighed = np.minimum(np.maximum(state["low_evidence"] + step, 0), LOW_EVIDENCE)
    state["low_evidence"] = np.where(muted, 0, weighed)


def is_building_up(state: DetectorState) -> Flags:
    """Where one of the rules is on its way to raise an alert."""
    building: Flags = np.logical_or.reduce(state.group("runs"), axis=0)
    return building


def _begin(
    state: DetectorState, evidence: Evidence, scores: Floats, settings: DetectionSettings
) -> NDArray[np.int64]:
    able = (
        (state["episode"] == NO_EPISODE)
        & (state["age"] >= YOUNGEST_TICKS)
        & (state["quiet_for"] == 0)
        & (scores >= np.asarray(settings.warning_threshold))
    )
    exits = able & (state["exit_run"] >= EXIT_TICKS)
    fallen = (state["fast_run"] > 0) | (state["slow_run"] > 0)
    minutes = state["chat_run"].astype(np.float32) / MINUTE_TICKS
    silent = (minutes >= CHAT_ONLY_MINUTES) & (minutes * state["chat_level"] >= FEWEST_MESSAGES)
    drops = able & ~exits & (fallen | silent)
    rows: NDArray[np.int64] = np.flatnonzero(exits | drops)
    if not len(rows):
        return rows
    kinds = np.where(exits[rows], Kind.MASS_EXIT, drop_kinds(state, evidence, rows))
    low = state["low_evidence"][rows] >= LOW_EVIDENCE
    kinds = np.where(~exits[rows] & low, Kind.LOW_ENGAGEMENT, kinds)
    wanted = ~muted_kinds(settings, len(state))[kinds, rows]
    rows, kinds = rows[wanted], kinds[wanted]
    state["episode"][rows] = kinds
    state["severity"][rows] = _levels(scores, settings, rows)
    state["raised_at"][rows] = state.tick
    state["calm_run"][rows] = 0
    return rows


def drop_kinds(
    state: DetectorState, evidence: Evidence, rows: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Sudden or gradual: by how long the fall took from 30 to 80 % of its depth so far.

    It is timed on presence where that has fallen beyond doubt, since it is the sharper signal.
    """
    clear = evidence.presence_deviations[rows] >= PRESENCE_DEVIATIONS
    ticks = np.where(
        clear,
        fall_ticks(state["presence_level"][rows] - state.history("presence", rows)),
        fall_ticks(smoothed(state["vitality_level"][rows] - state.history("vitality", rows))),
    )
    return np.where(ticks > GRADUAL_TICKS, Kind.GRADUAL_DECLINE, Kind.SUDDEN_DROP)


def _of(setting: ArrayLike, rows: NDArray[np.int64]) -> NDArray[Any]:
    """A setting of some sessions, be it one for all or one for each."""
    values = np.asarray(setting)
    return values[rows] if values.ndim else values


def muted_kinds(settings: DetectionSettings, count: int) -> Flags:
    """Which kinds each session's event does not want, of shape (kinds, sessions)."""
    flags = [
        False,
        settings.mute_sudden_drop,
        settings.mute_gradual_decline,
        settings.mute_mass_exit,
        settings.mute_low_engagement,
    ]
    return np.array([np.broadcast_to(np.asarray(flag, np.bool_), count) for flag in flags])


def _levels(
    scores: Floats, settings: DetectionSettings, rows: NDArray[np.int64]
) -> NDArray[np.int64]:
    critical = scores[rows] >= _of(settings.critical_threshold, rows)
    return np.where(critical, Level.CRITICAL, Level.WARNING)


def _escalate(
    state: DetectorState,
    scores: Floats,
    was_open: NDArray[np.int64],
    settings: DetectionSettings,
) -> NDArray[np.int64]:
    kinds = state["episode"][was_open]
    fallen = (kinds == Kind.SUDDEN_DROP) | (kinds == Kind.GRADUAL_DECLINE)
    wanted = ~_of(settings.mute_low_engagement, was_open).astype(np.bool_)
    lower = fallen & wanted & (state["low_evidence"][was_open] >= LOW_EVIDENCE)
    graver = _levels(scores, settings, was_open) > state["severity"][was_open]
    state["episode"][was_open[lower]] = Kind.LOW_ENGAGEMENT
    state["severity"][was_open[graver]] = Level.CRITICAL
    rows: NDArray[np.int64] = was_open[lower | graver]
    return rows


def _end(
    state: DetectorState, evidence: Evidence, was_open: NDArray[np.int64], muted: Flags
) -> NDArray[np.int64]:
    level = np.maximum(state["presence_level"][was_open], 1)
    noise = np.sqrt(state["presence_dispersion"][was_open] / level)
    calm = (evidence.vitality_fall[was_open] < CALM_VITALITY_FALL) & (
        evidence.presence_fall[was_open] < CALM_PRESENCE_FALL + noise
    )
    calm_run = (np.minimum(state["calm_run"][was_open], LONGEST_RUN) + np.uint8(1)) * calm
    state["calm_run"][was_open] = calm_run
    lasted = state.tick - state["raised_at"][was_open]
    exits = state["episode"][was_open] == Kind.MASS_EXIT
    settled = lasted >= np.where(exits, LONGEST_EXIT_TICKS, LONGEST_TICKS)
    recovered = calm_run >= CALM_TICKS
    over = recovered | settled | muted[was_open]
    restart_levels(state, evidence, was_open[over & settled & ~recovered])
    rows: NDArray[np.int64] = was_open[over]
    state["episode"][rows] = NO_EPISODE
    # What it left in the averages and runs must not raise the next one.
    for name in ("fast_run", "slow_run", "chat_run", "exit_run", "presence_slow", "vitality_slow"):
        state[name][rows] = 0
    return rows
