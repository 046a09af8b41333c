"""How sensitive detection is for an event, and what it wants to hear of."""

from dataclasses import dataclass

from numpy.typing import ArrayLike


@dataclass(frozen=True)
class DetectionSettings:
    """Thresholds of one event, or arrays of them, one element per session."""

    sudden_drop_threshold: ArrayLike = 0.25
    mass_exit_threshold: ArrayLike = 0.15
    low_engagement_threshold: ArrayLike = 0.20
    warning_threshold: ArrayLike = 0.60
    critical_threshold: ArrayLike = 0.80
    sensitivity: ArrayLike = 1.0
    mute_sudden_drop: ArrayLike = False
    mute_gradual_decline: ArrayLike = False
    mute_mass_exit: ArrayLike = False
    mute_low_engagement: ArrayLike = False
