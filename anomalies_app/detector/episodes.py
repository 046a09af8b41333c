"""When an episode begins, how it escalates, and when it ends.

Rules begin an episode, and hysteresis ends it; it becomes one anomaly. How long a fall took decides
whether it was sudden or gradual; low engagement is what a fall may lead to.
"""

from enum import IntEnum
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from anomalies_app.detector.falls import fall_ticks, smoothed
from anomalies_app.detector.features import Features, restart_levels
from anomalies_app.detector.state import MINUTE_TICKS, NO_EPISODE, DetectorState
from sessions_app.scoring.detection_settings import DetectionSettings
from sessions_app.scoring.score import Signals

Floats = NDArray[np.float32]
Flags = NDArray[np.bool_]

# Younger sessions are not judged: their levels must settle, and the specification asks for five
# points at least.
YOUNGEST_TICKS = 24
# The silence of a break stays in the windows for a minute afterwards.
MUTED_AFTER_TICKS = 24

# In 60 s windows a fall shows only gradually. If presence confirms it, this share of the threshold
# is enough; otherwise the fall must be deeper than the threshold, and last.
EARLY_SHARE = 0.6
CHAT_ONLY_DEVIATIONS = 1.0
CHAT_ONLY_MINUTES = 1.0
# A slow chat pauses for minutes: at its usual rate, so many messages must be missing.
FEWEST_MESSAGES = 20.0
EARLY_PRESENCE_FALL = 0.05
PRESENCE_DEVIATIONS = 5.0
FEWEST_PEOPLE = 3.0
SLOW_SHARE = 0.6
SLOW_WANDER = 1.2
SLOW_PRESENCE_FALL = 0.025
SLOW_DEVIATIONS = 1.0
# Vitality and presence may compensate for one another, down to this share of either threshold.
SLOW_LEAST = 0.57
ALONE_SHARE = 0.35
ALONE_DEVIATIONS = 2.0

EXIT_NET_LOSS = 0.08
EXIT_TICKS = 3
# A network outage takes a third of a room at most: a larger loss counts one or two ticks sooner.
LARGE_LOSS = 0.36
HUGE_LOSS = 0.48
# Many people who leave at once may be back within seconds: then it was the network.
LEAVING_RATE = 0.10
GRADUAL_TICKS = 6
# A score counts as low once it was below the threshold by one standard deviation for two minutes. A
# tick counts for 1.5 at most, so that a minute in which nobody happens to write is not enough.
LOW_SCORE_LIMIT = 24.0
LARGEST_LOW_STEP = 1.5

CALM_TICKS = 6
CALM_VITALITY_FALL = 0.10
CALM_PRESENCE_FALL = 0.06
# After this time the new level is taken as the usual one.
LONGEST_TICKS = 180
LONGEST_EXIT_TICKS = 36
# Runs are counted no further than this plus one step (3 at most), so that they fit into a byte.
LONGEST_RUN = 252


class Kind(IntEnum):
    """Types of anomalies, as stored in the state; 0 means no episode."""

    SUDDEN_DROP = 1
    GRADUAL_DECLINE = 2
    MASS_EXIT = 3
    LOW_ENGAGEMENT = 4


class Level(IntEnum):
    """Severities, as stored in the state."""

    WARNING = 1
    CRITICAL = 2


class Changes(NamedTuple):
    """The positions of the sessions whose episodes changed in a tick, each in one list at most.

    Attributes:
        ended_kinds: the types of the ended episodes, which the state no longer has.
    """

    began: NDArray[np.int64]
    escalated: NDArray[np.int64]
    ended: NDArray[np.int64]
    ended_kinds: NDArray[np.uint8]


def advance_episodes(
    state: DetectorState,
    features: Features,
    signals: Signals,
    scores: Floats,
    muted: Flags,
    settings: DetectionSettings,
) -> Changes:
    """Begins, escalates and ends episodes.

    Args:
        state: at the tick; episodes, severities and runs are changed in place.
        features: of the tick.
        signals: of the tick.
        scores: combined anomaly scores in [0, 1].
        muted: sessions for which nothing is raised: in a break, or announced to end.
        settings: of each session's event.
    """
    _count_runs(state, features, signals, muted, settings)
    _sum_low_scores(state, muted, settings)
    was_open = np.flatnonzero(state["episode"])
    began = _begin(state, features, scores, settings)
    escalated = _escalate(state, scores, was_open, settings) if len(was_open) else was_open
    kinds = state["episode"].copy()
    ended = _end(state, features, was_open, muted) if len(was_open) else was_open
    worse = np.setdiff1d(escalated, ended) if len(ended) and len(escalated) else escalated
    return Changes(began, worse, ended, kinds[ended])


def _count_runs(
    state: DetectorState,
    features: Features,
    signals: Signals,
    muted: Flags,
    settings: DetectionSettings,
) -> None:
    ease = np.sqrt(np.asarray(settings.sensitivity, np.float32))
    drop = np.asarray(settings.sudden_drop_threshold, np.float32) / ease
    level, presence = state["presence_level"], features.presence
    leave_rate = np.asarray(signals.user_leave_rate, np.float32)

    noise = np.sqrt(state["presence_dispersion"] / np.maximum(level, 1))
    stays = leave_rate < np.maximum(LEAVING_RATE, features.net_loss / 2)
    missed = level - presence >= FEWEST_PEOPLE
    fast = (
        (features.vitality_fall >= EARLY_SHARE * drop)
        & (features.presence_fall >= (EARLY_PRESENCE_FALL + PRESENCE_DEVIATIONS * noise) / ease)
        & missed
        & stays
    )
    wander = np.sqrt(state["vitality_variance"]) / np.maximum(state["vitality_level"], 0.05)
    deep = drop + CHAT_ONLY_DEVIATIONS * wander / ease
    silent = features.vitality_fall >= deep
    less = features.vitality_slow / (SLOW_SHARE * drop + SLOW_WANDER * wander / ease)
    fewer = features.presence_slow / ((SLOW_PRESENCE_FALL + SLOW_DEVIATIONS * noise) / ease)
    both = (np.minimum(less, fewer) >= SLOW_LEAST) & (less * fewer >= 1)
    deserted = features.presence_slow >= ALONE_SHARE * drop + ALONE_DEVIATIONS * noise / ease
    slow = (both | deserted) & missed & stays

    before = state.remembered("presence", state.tick - 1)
    exits = (
        (leave_rate >= np.asarray(settings.mass_exit_threshold, np.float32) / ease)
        & (features.net_loss >= EXIT_NET_LOSS)
        & (presence <= before * 1.01 + 0.5)
        & (features.presence_minute_ago - presence >= FEWEST_PEOPLE)
    )
    runs = state.group("runs")
    np.minimum(runs, LONGEST_RUN, out=runs)
    runs += 1
    exit_runs = runs[0]
    exit_runs += features.net_loss >= LARGE_LOSS
    exit_runs += features.net_loss >= HUGE_LOSS
    runs *= np.array([exits, fast, slow, silent])

    waiting = np.maximum(state["quiet_for"], 1) - np.uint8(1)
    state["quiet_for"] = np.where(muted, np.uint8(MUTED_AFTER_TICKS), waiting)


def _sum_low_scores(state: DetectorState, muted: Flags, settings: DetectionSettings) -> None:
    """Cumulative sum (CUSUM) of how far scores are below the threshold, in standard deviations.

    A mean over a fixed time would miss noisy rooms that stay a little below the threshold, or would
    count a room as low that is above it and silent for a moment.
    """
    threshold = np.asarray(settings.low_engagement_threshold, np.float32)
    below = threshold - state.remembered("score", state.tick)
    step = below / np.sqrt(state["vitality_variance"])
    step = np.minimum(np.maximum(step, -LARGEST_LOW_STEP), LARGEST_LOW_STEP)
    total = np.minimum(np.maximum(state["low_score_sum"] + step, 0), LOW_SCORE_LIMIT)
    state["low_score_sum"] = np.where(muted, 0, total)


def is_building_up(state: DetectorState) -> Flags:
    """Where the conditions of a rule hold, but not yet for long enough."""
    building: Flags = np.logical_or.reduce(state.group("runs"))
    return building


def _begin(
    state: DetectorState, features: Features, scores: Floats, settings: DetectionSettings
) -> NDArray[np.int64]:
    eligible = (
        (state["episode"] == NO_EPISODE)
        & (state["age"] >= YOUNGEST_TICKS)
        & (state["quiet_for"] == 0)
        & (scores >= np.asarray(settings.warning_threshold))
    )
    exits = eligible & (state["exit_run"] >= EXIT_TICKS)
    fallen = (state["fast_run"] > 0) | (state["slow_run"] > 0)
    minutes = state["chat_run"].astype(np.float32) / MINUTE_TICKS
    silent = (minutes >= CHAT_ONLY_MINUTES) & (minutes * state["chat_level"] >= FEWEST_MESSAGES)
    drops = eligible & ~exits & (fallen | silent)
    rows: NDArray[np.int64] = np.flatnonzero(exits | drops)
    if not len(rows):
        return rows
    kinds = np.where(exits[rows], Kind.MASS_EXIT, drop_kinds(state, features, rows))
    low = state["low_score_sum"][rows] >= LOW_SCORE_LIMIT
    kinds = np.where(~exits[rows] & low, Kind.LOW_ENGAGEMENT, kinds)
    wanted = ~muted_kinds(settings, len(state))[kinds, rows]
    rows, kinds = rows[wanted], kinds[wanted]
    state["episode"][rows] = kinds
    state["severity"][rows] = _levels(scores, settings, rows)
    state["raised_at"][rows] = state.tick
    state["calm_run"][rows] = 0
    return rows


def drop_kinds(
    state: DetectorState, features: Features, rows: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Sudden or gradual, by the time a fall took from 30 to 80 % of its depth so far.

    Presence is the sharper signal, and used for the timing where it has clearly fallen.
    """
    clear = features.presence_deviations[rows] >= PRESENCE_DEVIATIONS
    ticks = np.where(
        clear,
        fall_ticks(state["presence_level"][rows] - state.history("presence", rows)),
        fall_ticks(smoothed(state["vitality_level"][rows] - state.history("vitality", rows))),
    )
    return np.where(ticks > GRADUAL_TICKS, Kind.GRADUAL_DECLINE, Kind.SUDDEN_DROP)


def _of(setting: ArrayLike, rows: NDArray[np.int64]) -> NDArray[Any]:
    """A setting of some sessions: a scalar holds for all, an array has one element for each."""
    values = np.asarray(setting)
    return values[rows] if values.ndim else values


def muted_kinds(settings: DetectionSettings, count: int) -> Flags:
    """The types that each session's event has muted, of shape (types, sessions)."""
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
    lower = fallen & wanted & (state["low_score_sum"][was_open] >= LOW_SCORE_LIMIT)
    graver = _levels(scores, settings, was_open) > state["severity"][was_open]
    state["episode"][was_open[lower]] = Kind.LOW_ENGAGEMENT
    state["severity"][was_open[graver]] = Level.CRITICAL
    rows: NDArray[np.int64] = was_open[lower | graver]
    return rows


def _end(
    state: DetectorState, features: Features, was_open: NDArray[np.int64], muted: Flags
) -> NDArray[np.int64]:
    level = np.maximum(state["presence_level"][was_open], 1)
    noise = np.sqrt(state["presence_dispersion"][was_open] / level)
    calm = (features.vitality_fall[was_open] < CALM_VITALITY_FALL) & (
        features.presence_fall[was_open] < CALM_PRESENCE_FALL + noise
    )
    calm_run = (np.minimum(state["calm_run"][was_open], LONGEST_RUN) + np.uint8(1)) * calm
    state["calm_run"][was_open] = calm_run
    lasted = state.tick - state["raised_at"][was_open]
    exits = state["episode"][was_open] == Kind.MASS_EXIT
    settled = lasted >= np.where(exits, LONGEST_EXIT_TICKS, LONGEST_TICKS)
    recovered = calm_run >= CALM_TICKS
    ended = recovered | settled | muted[was_open]
    restart_levels(state, features, was_open[ended & settled & ~recovered])
    rows: NDArray[np.int64] = was_open[ended]
    state["episode"][rows] = NO_EPISODE
    # What it left in averages and runs must not begin the next episode.
    for name in ("fast_run", "slow_run", "chat_run", "exit_run", "presence_slow", "vitality_slow"):
        state[name][rows] = 0
    return rows
