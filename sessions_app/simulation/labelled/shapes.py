"""The shapes of anomalies: ranges for each type, and the plan of a drawn one."""

from typing import NamedTuple

from sessions_app.simulation.labelled import labels
from sessions_app.simulation.labelled.kinds import Range
from sessions_app.ticks import TICK_SECONDS


class Shape(NamedTuple):
    """Parameters of a type of anomaly; pairs are ranges.

    Attributes:
        onset_s: seconds from the start to the full extent, log-uniform.
        hold_s: seconds at the full extent.
        recovery_s: seconds until everything is as before.
        lasting: probability that it never recovers.
        modes: how it may unfold, names in :data:`MODES`.
    """

    onset_s: Range
    hold_s: Range
    recovery_s: Range
    lasting: float
    modes: tuple[str, ...]


class Mode(NamedTuple):
    """Ranges of the remaining activity and presence, as factors."""

    activity: Range
    presence: Range


SHAPES = {
    labels.SUDDEN_DROP: Shape((1, 30), (90, 600), (20, 240), 0.3, ("activity", "presence", "both")),
    labels.GRADUAL_DECLINE: Shape(
        (180, 720), (0, 480), (30, 360), 0.35, ("activity", "presence", "both")
    ),
    labels.MASS_EXIT: Shape((30, 90), (30, 240), (60, 420), 0.7, ("exit",)),
    labels.LOW_ENGAGEMENT: Shape((15, 540), (90, 600), (30, 300), 0.25, ("nearly_nothing",)),
}
MODES = {
    "activity": Mode((0.005, 0.4), (0.97, 1.0)),
    "presence": Mode((0.7, 1.0), (0.2, 0.8)),
    "both": Mode((0.02, 0.6), (0.25, 0.95)),
    "exit": Mode((0.7, 1.1), (0.4, 0.8)),
    "nearly_nothing": Mode((0.002, 0.15), (0.05, 0.85)),
}


class Plan(NamedTuple):
    """A candidate anomaly.

    Attributes:
        type: one of :data:`sessions_app.simulation.labelled.labels.ANOMALY_TYPES`.
        mode: one of :data:`MODES`.
        start: its first tick.
        onset_s: as in :class:`Shape`.
        hold, recovery: lengths in ticks; without a recovery it lasts to the end.
        activity, presence: the remaining factors.
    """

    type: str
    mode: str
    start: int
    onset_s: float
    hold: int
    recovery: int
    activity: float
    presence: float

    @property
    def onset(self) -> int:
        """Ticks from the start to the full extent, at least one."""
        return max(1, round(self.onset_s / TICK_SECONDS))

    @property
    def end(self) -> int:
        """The last labelled tick."""
        return self.start + self.onset + self.hold + self.recovery
