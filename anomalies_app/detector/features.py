"""Features of a loss of engagement: how far each signal is below its usual level in this room.

A session is compared with its own past. Levels are running means that follow a rise quickly and a
fall slowly, no faster than a room drifts; the noise of a room is learned from a prior onwards.
Nothing is learned during an episode or in a break, and no noise while people are still arriving.
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

# Gains of the running means per tick: one over their time constant in ticks.
PRESENCE_RISE = 1 / 24
PRESENCE_RISE_IN_RAMP_UP = 1 / 6
PRESENCE_FALL = 1 / 60
PRESENCE_FALL_IN_RAMP_UP = 1 / 10
VITALITY_GAIN = 1 / 120
VITALITY_GAIN_IN_RAMP_UP = 1 / 24
NOISE_GAIN = 1 / 120
SLOW_GAIN = 1 / 16

# A level falls by no more than this share of itself per tick, about one per cent per minute and a
# little more in a noisy room: a slower fall is drift, a faster one a loss.
PRESENCE_DRIFT = 0.0008
PRESENCE_DRIFT_PER_NOISE = 0.01
VITALITY_DRIFT = 0.001

# Nothing is learned about noise from a deeper fall of presence than this, in share and deviations.
SUSPICIOUS_FALL = 0.03
SUSPICIOUS_DEVIATIONS = 3.0

# Presence scatters less than a Poisson count, since most people stay; the noise of vitality is in
# its own unit, which reaches from 0 to 0.55.
DISPERSION_PRIOR = 0.3
SMALLEST_DISPERSION = 0.03
VITALITY_VARIANCE_PRIOR = 0.06**2
SMALLEST_VITALITY_VARIANCE = 0.015**2
OUTLIER_DEVIATIONS = 3.0
SMALLEST_VITALITY = 0.02
LARGEST_RISE = 0.25


class Features(NamedTuple):
    """The features of a tick, one element per session; falls are shares of the level.

    Attributes:
        presence: active users now.
        vitality: chat, presence and leave rate combined, 0 to about 0.55; see :func:`vitality`.
        presence_fall: 1 - presence / level; negative if more people than usual are present.
        presence_deviations: the same in standard deviations of this room.
        vitality_fall: 1 - vitality / level.
        vitality_deviations: the same in standard deviations of this room.
        net_loss: share by which presence fell within a minute, >= 0.
        slide: share by which presence fell within three minutes, >= 0.
        presence_slow, vitality_slow: running means of the falls over about a minute and a half.
        chat_fall: logarithmic fall of chat below its level, >= 0.
        presence_minute_ago, vitality_minute_ago: their values twelve ticks earlier.
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

    def forest_inputs(self) -> list[Floats]:
        """The features that the forest sees, before scaling: high is bad."""
        return [
            self.presence_deviations,
            self.vitality_deviations,
            self.chat_fall,
            self.net_loss,
            self.slide,
            self.vitality_slow,
        ]


def vitality(state: DetectorState, signals: Signals, settings: ScoreSettings) -> Floats:
    """The engagement score without polls and reactions, and without an upper limit of chat.

    When a poll closes or applause ends, the score drops, but nothing is wrong. Where a session's
    chat is usually above the saturation of the score, its own level takes the place of that, so
    that a fall from 200 messages per minute to 30 counts.
    """
    chat, leaving = _single(signals.chat_msgs_per_min), _single(signals.user_leave_rate)
    present = _single(signals.active_users) / np.maximum(state["presence_level"], 1.0)
    full = np.log1p(np.maximum(_single(settings.chat_saturation), state["chat_level"]))
    return _single(
        _single(settings.chat_weight) * np.minimum(1.0, np.log1p(chat) / full)
        + _single(settings.active_users_weight) * np.minimum(1.0, present)
        - _single(settings.leave_weight) * leaving
    )


def initialise(
    state: DetectorState, signals: Signals, vitalities: Floats, scores: NDArray[np.float64]
) -> None:
    """Takes the first values of new sessions as their levels and as their history."""
    new = state["age"] == 0
    if not new.any():
        return
    presence, chat = _single(signals.active_users)[new], _single(signals.chat_msgs_per_min)[new]
    firsts = {"presence": presence, "chat": chat, "vitality": vitalities[new], "score": scores[new]}
    for name, values in firsts.items():
        state.fill(name, new, values)
        state[f"{name}_level"][new] = values
    state["reactions_level"][new] = _single(signals.reactions_per_min)[new]
    state["presence_dispersion"][new] = DISPERSION_PRIOR
    state["vitality_variance"][new] = VITALITY_VARIANCE_PRIOR


def extract(state: DetectorState, tick: int, signals: Signals, vitalities: Floats) -> Features:
    """Compares a tick's signals with the levels so far.

    Args:
        state: after the tick before; its histories and slow falls are brought to this tick.
        tick: the next one.
        signals: of the tick.
        vitalities: see :func:`vitality`.
    """
    presence, chat = _single(signals.active_users), _single(signals.chat_msgs_per_min)
    minute_ago = state.remembered("presence", tick - MINUTE_TICKS)
    earlier = state.remembered("presence", tick - SLOPE_TICKS)
    vitality_minute_ago = state.remembered("vitality", tick - MINUTE_TICKS)
    for name, values in (("presence", presence), ("chat", chat), ("vitality", vitalities)):
        state.remember(name, tick, values)
    level, usual = state["presence_level"], state["vitality_level"]
    presence_fall = 1 - presence / np.maximum(level, 1.0)
    presence_deviations = presence_fall * np.sqrt(level / state["presence_dispersion"])
    vitality_fall = 1 - vitalities / np.maximum(usual, SMALLEST_VITALITY)
    vitality_deviations = (usual - vitalities) / np.sqrt(state["vitality_variance"])
    falls = np.array([presence_fall, vitality_fall])
    clipped = np.minimum(np.maximum(falls, -LARGEST_RISE), 1)
    slow_falls = state.group("slow_falls")
    _move(slow_falls, clipped, np.float32(SLOW_GAIN), -LARGEST_RISE)
    presence_slow, vitality_slow = slow_falls.copy()
    return Features(
        presence=presence,
        vitality=vitalities,
        presence_fall=presence_fall,
        presence_deviations=presence_deviations,
        vitality_fall=vitality_fall,
        vitality_deviations=vitality_deviations,
        net_loss=_lost_share(presence, minute_ago),
        slide=_lost_share(presence, earlier),
        presence_slow=presence_slow,
        vitality_slow=vitality_slow,
        chat_fall=np.maximum(0, np.log1p(state["chat_level"]) - np.log1p(chat)),
        presence_minute_ago=minute_ago,
        vitality_minute_ago=vitality_minute_ago,
    )


def _lost_share(now: Floats, before: Floats) -> Floats:
    lost: Floats = np.maximum(0, 1 - now / np.maximum(before, 1.0))
    return lost


def learn(state: DetectorState, features: Features, signals: Signals, learning: Flags) -> None:
    """Updates the levels and the noise of the sessions that may learn from this tick."""
    arriving = state["age"] < RAMP_UP_TICKS
    _learn_noise(state, features, learning & ~arriving & ~is_suspicious(features))
    _learn_presence(state, features, learning, arriving)
    gain = np.where(arriving, VITALITY_GAIN_IN_RAMP_UP, VITALITY_GAIN) * learning
    level = state["vitality_level"]
    slowest = np.where(arriving, -np.inf, -VITALITY_DRIFT * level)
    state["vitality_level"] = level + np.maximum(gain * (features.vitality - level), slowest)
    _learn_others(state, signals, gain)


def is_suspicious(features: Features) -> Flags:
    """Where presence is lower than noise explains, so that the tick is no example of quiet."""
    suspicious: Flags = (features.presence_fall > SUSPICIOUS_FALL) & (
        features.presence_deviations > SUSPICIOUS_DEVIATIONS
    )
    return suspicious


def _learn_noise(state: DetectorState, features: Features, learning: Flags) -> None:
    """Learns the noise from a signal's change within a minute, to which slow drift adds little.

    The windows of the two values do not overlap, so their difference has twice the variance of one.
    """
    gain = np.where(learning, NOISE_GAIN, 0)
    now = np.array([features.presence, features.vitality])
    squares = (now - (features.presence_minute_ago, features.vitality_minute_ago)) ** 2
    squares /= 2
    # The standard deviation of presence grows with the square root of the audience.
    squares[0] /= np.maximum(state["presence_level"], 1.0)
    noises = state.group("noises")
    largest = OUTLIER_DEVIATIONS**2 * noises
    smallest = np.array([[SMALLEST_DISPERSION], [SMALLEST_VITALITY_VARIANCE]])
    _move(noises, np.minimum(squares, largest), gain, smallest)


def _learn_presence(
    state: DetectorState, features: Features, learning: Flags, arriving: Flags
) -> None:
    level, presence = state["presence_level"], features.presence
    rising = np.where(arriving, PRESENCE_RISE_IN_RAMP_UP, PRESENCE_RISE)
    rising = np.maximum(rising, 1 / (state["age"].astype(np.float32) + 1))
    falling = np.where(arriving, PRESENCE_FALL_IN_RAMP_UP, PRESENCE_FALL)
    step = np.where(presence > level, rising, falling) * (presence - level)
    noise = np.sqrt(state["presence_dispersion"] / np.maximum(level, 1))
    drift = (PRESENCE_DRIFT + PRESENCE_DRIFT_PER_NOISE * noise) * level
    slowest = np.where(arriving, -np.inf, -drift)
    state["presence_level"] = level + np.where(learning, np.maximum(step, slowest), 0)


def _learn_others(state: DetectorState, signals: Signals, gain: Floats) -> None:
    """Updates the levels used in explanations only; a burst counts as twice the level at most."""
    levels = state.group("explaining")
    score = state.remembered("score", state.tick)
    values = np.array([signals.chat_msgs_per_min, signals.reactions_per_min, score])
    np.minimum(values[:2], 2 * levels[:2] + 5, out=values[:2])
    _move(levels, values, gain)


def restart_levels(state: DetectorState, features: Features, rows: NDArray[np.int64]) -> None:
    """Takes the present values as the new normal."""
    if not len(rows):
        return
    state["presence_level"][rows] = features.presence[rows]
    state["vitality_level"][rows] = features.vitality[rows]
    state["chat_level"][rows] = state.remembered("chat", state.tick)[rows]
    state["score_level"][rows] = state.rings["score"][:, rows].mean(axis=0)


def _move(
    levels: Floats,
    target: Floats,
    gain: NDArray[np.floating[Any]] | np.float32,
    smallest: ArrayLike = 0.0,
) -> None:
    """Moves running means towards a target, in place."""
    moved = levels + gain * (target - levels)
    np.maximum(moved, smallest, out=levels)


def _single(values: object) -> Floats:
    return np.asarray(values, dtype=np.float32)
