"""The engagement score: a pure function of a session's six signals and its event's settings.

Works on scalars and on NumPy arrays of a common shape.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

# Rounding, because the floating-point sum 0.30 + 0.25 + 0.25 could be just below 0.8.
SCORE_DECIMALS = 9

CATEGORY_FLOORS = (
    (0.8, "VERY_HIGH"),
    (0.6, "HIGH"),
    (0.4, "MODERATE"),
    (0.2, "LOW"),
    (0.0, "VERY_LOW"),
)


class Signals(NamedTuple):
    """A session's signals over the 60 s before a tick's end; scalars or equal-length arrays.

    Rates are counts per minute; participation and leave rate are ratios in [0, 1].
    """

    chat_msgs_per_min: ArrayLike
    poll_participation: ArrayLike
    active_users: ArrayLike
    total_users: ArrayLike
    reactions_per_min: ArrayLike
    user_leave_rate: ArrayLike


@dataclass(frozen=True)
class ScoreSettings:
    """Weights and saturation levels of one event, or arrays with one element per session."""

    chat_weight: ArrayLike = 0.30
    poll_weight: ArrayLike = 0.25
    active_users_weight: ArrayLike = 0.25
    reaction_weight: ArrayLike = 0.10
    leave_weight: ArrayLike = 0.10
    chat_saturation: ArrayLike = 20.0
    reaction_saturation: ArrayLike = 10.0


class Contribution(NamedTuple):
    """One of the five terms of a score.

    Attributes:
        signal: name of the signal it comes from.
        raw: the signal as measured (per minute, or a ratio).
        normalised: the same in [0, 1].
        weight: its factor; negative for the leave rate.
        value: ``weight * normalised``, what it adds to the score.
    """

    signal: str
    raw: ArrayLike
    normalised: ArrayLike
    weight: ArrayLike
    value: ArrayLike


def normalise_rate(rate: ArrayLike, saturation: ArrayLike) -> Floats:
    """``min(1, ln(rate + 1) / ln(saturation + 1))``: a rate per minute brought to [0, 1].

    Args:
        rate: events per minute, >= 0.
        saturation: the rate at which the result reaches 1, > 0.
    """
    return np.minimum(1.0, np.log1p(rate) / np.log1p(saturation))


def active_ratio(active_users: ArrayLike, total_users: ArrayLike) -> Floats:
    """Active over total users, in [0, 1]; 0 if nobody has been seen yet."""
    active = np.asarray(active_users, dtype=np.float64)
    total = np.asarray(total_users, dtype=np.float64)
    return np.minimum(1.0, np.divide(active, total, out=np.zeros_like(active), where=total > 0))


def explain(signals: Signals, settings: ScoreSettings) -> tuple[Contribution, ...]:
    """The five contributions whose clamped sum is the score, in the order of the formula."""
    ratio = active_ratio(signals.active_users, signals.total_users)
    terms = (
        (
            "chat_msgs_per_min",
            signals.chat_msgs_per_min,
            normalise_rate(signals.chat_msgs_per_min, settings.chat_saturation),
            settings.chat_weight,
        ),
        (
            "poll_participation",
            signals.poll_participation,
            np.clip(signals.poll_participation, 0.0, 1.0),
            settings.poll_weight,
        ),
        ("active_users", ratio, ratio, settings.active_users_weight),
        (
            "reactions_per_min",
            signals.reactions_per_min,
            normalise_rate(signals.reactions_per_min, settings.reaction_saturation),
            settings.reaction_weight,
        ),
        (
            "user_leave_rate",
            signals.user_leave_rate,
            np.clip(signals.user_leave_rate, 0.0, 1.0),
            np.negative(settings.leave_weight),
        ),
    )
    return tuple(
        Contribution(signal, raw, normalised, weight, np.multiply(weight, normalised))
        for signal, raw, normalised, weight in terms
    )


def total(contributions: tuple[Contribution, ...]) -> Floats:
    """The score that the contributions add up to, clamped to [0, 1]."""
    added = sum(np.asarray(part.value, dtype=np.float64) for part in contributions)
    return np.asarray(np.round(np.clip(added, 0.0, 1.0), SCORE_DECIMALS), dtype=np.float64)


def score(signals: Signals, settings: ScoreSettings) -> Floats:
    """Engagement in [0, 1], in the shape of the signals."""
    return total(explain(signals, settings))


def category(value: float) -> str:
    """The name of the band of a score in [0, 1]; bands include their lower bound."""
    return next(name for floor, name in CATEGORY_FLOORS if value >= floor)


def categories(scores: Floats) -> NDArray[np.str_]:
    """:func:`category` for an array of scores."""
    floors = [floor for floor, _ in reversed(CATEGORY_FLOORS)]
    names = np.array([name for _, name in reversed(CATEGORY_FLOORS)])
    return names[np.searchsorted(floors, scores, side="right") - 1]
