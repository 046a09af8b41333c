"""What speaks for a loss of engagement: how far each signal is below what this room has been like.

A session's own past is its yardstick. Levels are running means that take up a rise quickly and a
fall slowly, and no faster than a room drifts; the noise of a room is learned as it goes, from a
prior on. Nothing is learned during an episode or in a break, and no noise while people are still
coming in.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from anomalies_app.detector.state import MINUTE_TICKS, DetectorState
from sessions_app.scoring.score import ScoreSettings, Signals

Floats = NDArray[np.float32]
Flags = NDArray[np.bool_]

RAMP_UP_TICKS = 48
SLOPE_TICKS = 36

# Gains of the running levels per tick, as one over a number of ticks.
PRESENCE_RISE = 1 / 24
PRESENCE_RISE_IN_RAMP_UP = 1 / 6
PRESENCE_FALL = 1 / 60
PRESENCE_FALL_IN_RAMP_UP = 1 / 10
VITALITY_GAIN = 1 / 120
VITALITY_GAIN_IN_RAMP_UP = 1 / 24
NOISE_GAIN = 1 / 120
SLOW_GAIN = 1 / 16

# A level falls by no more than this share of itself per tick, about one per cent per minute and a
# little more in a room that wanders: what is slower is drift, what is faster a loss.
PRESENCE_DRIFT = 0.0008
PRESENCE_DRIFT_PER_NOISE = 0.01
VITALITY_DRIFT = 0.001

# A fall of presence of more than this, and of so many deviations, teaches nothing about noise.
SUSPICIOUS_FALL = 0.03
SUSPICIOUS_DEVIATIONS = 3.0

# Presence wanders less than a Poisson count does, since most people stay; chat's noise is of the
# vitality's own scale, 0 to 0.55.
DISPERSION_PRIOR = 0.3
SMALLEST_DISPERSION = 0.03
VITALITY_VARIANCE_PRIOR = 0.06**2
SMALLEST_VITALITY_VARIANCE = 0.015**2
OUTLIER_DEVIATIONS = 3.0
SMALLEST_VITALITY = 0.02
LARGEST_RISE = 0.25


class Evidence(NamedTuple):
    """One tick's harm, one element per session; falls are shares of the level, never negative
    where it says so.

    Attributes:
        presence: active users now.
        vitality: chat, presence and leave rate as one number, 0 to about 0.55; see
            :func:`vitality`.
        presence_fall: 1 - presence / level, below 0 if more people are there than usual.
        presence_deviations: the same in units of this room's noise.
        vitality_fall: 1 - vitality / level.
        vitality_deviations: the same in units of this room's noise.
        net_loss: share of those present a minute ago who are gone without anybody coming, >= 0.
        slide: share of those present three minutes ago who are gone, >= 0.
        presence_slow, vitality_slow: the falls, averaged over the last minute and a half.
        chat_fall: logarithmic fall of chat below its level, 0 if above.
        presence_minute_ago, vitality_minute_ago: what they were twelve ticks earlier.
    """

    presence: Floats
    vitality: Floats
    presence_fall: Floats
    presence_deviations: Floats
    vitality_fall: Floats
    vitality_deviations: Floats
    net_loss: Floats
    slide: Floats
    presence_slow: Floats
    vitality_slow: Floats
    chat_fall: Floats
    presence_minute_ago: Floats
    vitality_minute_ago: Floats

    def features(self) -> list[Floats]:
        """The one-sided features of harm that the forest sees, before scaling."""
        return [
            self.presence_deviations,
            self.vitality_deviations,
            self.chat_fall,
            self.net_loss,
            self.slide,
            self.vitality_slow,
        ]


def vitality(state: DetectorState, signals: Signals, settings: ScoreSettings) -> Floats:
    """The engagement score without polls and reactions, and with room for chatty sessions.

    Polls close and applause ends: what they leave behind looks like a drop and is none. Where a
    session's chat is usually above its saturation level, its own level takes the place of that,
    so that a fall from 200 messages per minute to 30 counts.
    """
    chat, leaving = _single(signals.chat_msgs_per_min), _single(signals.user_leave_rate)
    here = _single(signals.active_users) / np.maximum(state["presence_level"], 1.0)
    full = np.log1p(np.maximum(_single(settings.chat_saturation), state["chat_level"]))
    return _single(
        _single(settings.chat_weight) * np.minimum(1.0, np.log1p(chat) / full)
        + _single(settings.active_users_weight) * np.minimum(1.0, here)
        - _single(settings.leave_weight) * leaving
    )


def begin(
    state: DetectorState, signals: Signals, lively: Floats, scores: NDArray[np.float64]
) -> None:
    """Takes the first values of new sessions as their levels, and as their past."""
    new = state["age"] == 0
    if not new.any():
        return
    presence, chat = _single(signals.active_users)[new], _single(signals.chat_msgs_per_min)[new]
    firsts = {"presence": presence, "chat": chat, "vitality": lively[new], "score": scores[new]}
    for name, values in firsts.items():
        state.begin(name, new, values)
        state[f"{name}_level"][new] = values
    state["reactions_level"][new] = _single(signals.reactions_per_min)[new]
    state["presence_dispersion"][new] = DISPERSION_PRIOR
    state["vitality_variance"][new] = VITALITY_VARIANCE_PRIOR


def observe(state: DetectorState, tick: int, signals: Signals, lively: Floats) -> Evidence:
    """Compares a tick's signals with the levels so far; changes the state's rings and slow falls.

    Args:
        state: after the tick before.
        tick: the one that is observed.
        signals: of the tick.
        lively: of :func:`vitality`.
    """
    presence, chat = _single(signals.active_users), _single(signals.chat_msgs_per_min)
    minute_ago = state.remembered("presence", tick - MINUTE_TICKS)
    earlier = state.remembered("presence", tick - SLOPE_TICKS)
    lively_minute_ago = state.remembered("vitality", tick - MINUTE_TICKS)
    for name, values in (("presence", presence), ("chat", chat), ("vitality", lively)):
        state.remember(name, tick, values)
    level, usual = state["presence_level"], state["vitality_level"]
    presence_fall = 1 - presence / np.maximum(level, 1.0)
    presence_deviations = presence_fall * np.sqrt(level / state["presence_dispersion"])
    vitality_fall = 1 - lively / np.maximum(usual, SMALLEST_VITALITY)
    vitality_deviations = (usual - lively) / np.sqrt(state["vitality_variance"])
    falls = np.array([presence_fall, vitality_fall])
    clipped = np.minimum(np.maximum(falls, -LARGEST_RISE), 1)
    slow_falls = state.group("slow_falls")
    _move(slow_falls, clipped, np.float32(SLOW_GAIN), -LARGEST_RISE)
    presence_slow, vitality_slow = slow_falls.copy()
    return Evidence(
        presence,
        lively,
        presence_fall,
        presence_deviations,
        vitality_fall,
        vitality_deviations,
        _lost_share(presence, minute_ago),
        _lost_share(presence, earlier),
        presence_slow,
        vitality_slow,
        np.maximum(0, np.log1p(state["chat_level"]) - np.log1p(chat)),
        minute_ago,
        lively_minute_ago,
    )


def _lost_share(now: Floats, before: Floats) -> Floats:
    lost: Floats = np.maximum(0, 1 - now / np.maximum(before, 1.0))
    return lost


def learn(state: DetectorState, evidence: Evidence, signals: Signals, learns: Flags) -> None:
    """Moves the levels and the noise of the sessions that may learn from this tick."""
    arriving = state["age"] < RAMP_UP_TICKS
    _learn_noise(state, evidence, learns & ~arriving & ~is_suspicious(evidence))
    _learn_presence(state, evidence, learns, arriving)
    gain = np.where(arriving, VITALITY_GAIN_IN_RAMP_UP, VITALITY_GAIN) * learns
    level = state["vitality_level"]
    slowest = np.where(arriving, -np.inf, -VITALITY_DRIFT * level)
    state["vitality_level"] = level + np.maximum(gain * (evidence.vitality - level), slowest)
    _learn_others(state, signals, gain)


def is_suspicious(evidence: Evidence) -> Flags:
    """Where presence is lower than noise explains: such a tick is no example of a quiet room."""
    suspicious: Flags = (evidence.presence_fall > SUSPICIOUS_FALL) & (
        evidence.presence_deviations > SUSPICIOUS_DEVIATIONS
    )
    return suspicious


def _learn_noise(state: DetectorState, evidence: Evidence, learns: Flags) -> None:
    """Learns the noise from how far a signal gets in a minute, which a slow drift does not widen.

    The two values' windows do not overlap, so their difference has twice the variance of one.
    """
    gain = np.where(learns, NOISE_GAIN, 0)
    now = np.array([evidence.presence, evidence.vitality])
    squares = (now - (evidence.presence_minute_ago, evidence.vitality_minute_ago)) ** 2
    squares /= 2
    # Presence scatters with the square root of the people.
    squares[0] /= np.maximum(state["presence_level"], 1.0)
    noises = state.group("noises")
    largest = OUTLIER_DEVIATIONS**2 * noises
    smallest = np.array([[SMALLEST_DISPERSION], [SMALLEST_VITALITY_VARIANCE]])
    _move(noises, np.minimum(squares, largest), gain, smallest)


def _learn_presence(
    state: DetectorState, evidence: Evidence, learns: Flags, arriving: Flags
) -> None:
    level, presence = state["presence_level"], evidence.presence
    rising = np.where(arriving, PRESENCE_RISE_IN_RAMP_UP, PRESENCE_RISE)
    rising = np.maximum(rising, 1 / (state["age"].astype(np.float32) + 1))
    falling = np.where(arriving, PRESENCE_FALL_IN_RAMP_UP, PRESENCE_FALL)
    step = np.where(presence > level, rising, falling) * (presence - level)
    noise = np.sqrt(state["presence_dispersion"] / np.maximum(level, 1))
    drift = (PRESENCE_DRIFT + PRESENCE_DRIFT_PER_NOISE * noise) * level
    slowest = np.where(arriving, -np.inf, -drift)
    state["presence_level"] = level + np.where(learns, np.maximum(step, slowest), 0)


def _learn_others(state: DetectorState, signals: Signals, gain: Floats) -> None:
    """Levels that only explain: a burst moves them no more than twice their height would."""
    levels = state.group("explaining")
    score = state.remembered("score", state.tick)
    values = np.array([signals.chat_msgs_per_min, signals.reactions_per_min, score], np.float32)
    np.minimum(values[:2], 2 * levels[:2] + 5, out=values[:2])
    _move(levels, values, gain)


def restart_levels(state: DetectorState, evidence: Evidence, rows: NDArray[np.int64]) -> None:
    """Takes what is there now as the new normal."""
    if not len(rows):
        return
    state["presence_level"][rows] = evidence.presence[rows]
    state["vitality_level"][rows] = evidence.vitality[rows]
    state["chat_level"][rows] = state.remembered("chat", state.tick)[rows]
    state["score_level"][rows] = state.rings["score"][:, rows].mean(axis=0)


def _move(
    levels: Floats,
    target: Floats,
    gain: NDArray[np.floating[Any]] | np.float32,
    smallest: ArrayLike = 0.0,
) -> None:
    """Moves running means in place."""
    moved = levels + gain * (target - levels)
    np.maximum(moved, smallest, out=levels, casting="same_kind")


def _single(values: object) -> Floats:
    return np.asarray(values, dtype=np.float32)
