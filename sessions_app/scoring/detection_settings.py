"""An event's settings of detection: thresholds, sensitivity, and muted types."""

from dataclasses import dataclass

from numpy.typing import ArrayLike


@dataclass(frozen=True)
class DetectionSettings:
    """Detection settings of one event, or arrays with one element per session.

    Attributes:
        sudden_drop_threshold: fall below the expected level, as a fraction of it.
        mass_exit_threshold: leave rate in [0, 1].
        low_engagement_threshold: engagement score in [0, 1].
        warning_threshold, critical_threshold: anomaly scores in [0, 1].
        sensitivity: factor by which ticks are treated as more improbable; above 1, more alerts.
        mute_sudden_drop, mute_gradual_decline, mute_mass_exit, mute_low_engagement: types that are
            not raised.
    """

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
