"""How anomalous each value of a single series is, judged by the values before it.

The core of the detector without anything that knows of sessions: z-scores over several horizons
and against the same time of other days, each turned into the probability of so high a one, by the
series' own past and by a fixed law; half-space trees on these; and both combined. Nothing is tuned
to a series, and no score depends on a later value.
"""

import math
from bisect import bisect_left, insort
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from anomalies_app.detector.forest_state import SPARSE_SHARE
from anomalies_app.detector.half_space_trees import HalfSpaceForest

Values = NDArray[np.float64]
Slots = NDArray[np.intp]

FOREST_SHARE = 0.7
Z_SCORE_SHARE = 0.3
# Values before a z-score is worth anything, and z-scores before a tail is.
FIRST_Z_SCORE = 24
FIRST_TAIL = 64
# The same for values of the same half hour of the day, of which it may take days to have as many;
# and how many of these the level and the spread are taken from.
FIRST_SAME_TIME = 12
SAME_TIME = 96
# The tail of a series' past: its upper share, which has at least so many values, and the share of
# these that the slope is taken to. The very largest do not count: a giant would hide all others.
TAIL_SHARE = 0.02
TAIL_LEAST = 5
TAIL_TOP = 0.2
# Values between two looks at the past. They are judged by the past up to their block's beginning.
BLOCK = 64
# Evidence is -log10 of a probability. More than this is as good as certain.
CERTAIN = 8.0


class Parts(NamedTuple):
    """What a score is made of; one element per value each.

    Attributes:
        z_score: evidence of the z-scores alone, -log10 of a probability.
        forest: evidence of the half-space trees alone, on a like scale.
        combined: both, weighed.
    """

    z_score: Values
    forest: Values
    combined: Values


@dataclass(frozen=True)
class UnivariateDetector:
    """Scores a series online.

    Args:
        horizons: how many past values the level and the spread are taken from.
        tree_count: of the forest.
        window: values a tree learns from before it judges the next so many.
        quiet: how many values an anomaly silences the lesser ones after it.
        margin: evidence that one has to have more in that time, not to be silenced.
        seed: of the trees.

    Example:
        >>> import numpy as np
        >>> values = np.random.default_rng(1).poisson(20, 1000).astype(float)
        >>> values[700] = 90
        >>> int(UnivariateDetector().score_series(values).argmax())
        700
    """

    horizons: tuple[int, ...] = (288, 2016)
    tree_count: int = 25
    window: int = 256
    quiet: int = 150
    margin: float = 0.2
    seed: int = 42

    def score_series(
        self, values: Values, part: str = "combined", slots: Slots | None = None
    ) -> Values:
        """One score per value, 0 to 1; the n-th depends on the first n values only.

        Args:
            values: in order of time.
            part: what to score by, a field of :class:`Parts`.
            slots: the part of the day that each value is of, see :func:`half_hours`. Without, the
                day has one part.

        Raises:
            ValueError: values that are not finite.
        """
        evidence = keep_peaks(getattr(self.parts(values, slots), part), self.quiet, self.margin)
        return evidence / (1 + evidence)

    def parts(self, values: Values, slots: Slots | None = None) -> Parts:
        """The evidence that each value is an anomaly, before repeated alarms are silenced."""
        if not np.isfinite(values).all():
            raise ValueError("values must be finite")
        if slots is None:
            slots = np.zeros(len(values), np.intp)
        robust = [robust_z_scores(values, past) for past in self.horizons]
        plain = [z_scores(values, past) for past in self.horizons]
        own = [*robust, at_same_time(robust_z_scores, values, slots)]
        fixed = [*plain, at_same_time(z_scores, values, slots)]
        evidence = np.array([*map(tail_evidence, own), *map(power_law_evidence, fixed)])
        z_score = evidence.mean(axis=0)
        forest = self._forest_evidence(evidence)
        return Parts(z_score, forest, FOREST_SHARE * forest + Z_SCORE_SHARE * z_score)

    def _forest_evidence(self, evidence: Values) -> Values:
        forest = HalfSpaceForest(len(evidence), self.tree_count, window=self.window, seed=self.seed)
        scores = forest_scores(forest, np.ascontiguousarray(evidence.T) / CERTAIN)
        # What is left to a score of 1 halves with each level at which a point leaves the others.
        return -np.log(1 - scores)


def half_hours(timestamps: Sequence[str]) -> Slots:
    """Which half hour of its day each time is in, 0 to 47."""
    times = [datetime.fromisoformat(timestamp) for timestamp in timestamps]
    return np.array([2 * time.hour + time.minute // 30 for time in times], np.intp)


def at_same_time(
    measure: Callable[[Values, int, int], Values], values: Values, slots: Slots
) -> Values:
    """What ``measure`` finds in the values of each part of the day, which know of no others."""
    found = np.zeros(len(values))
    for slot in np.unique(slots):
        rows = np.flatnonzero(slots == slot)
        found[rows] = measure(values[rows], SAME_TIME, FIRST_SAME_TIME)
    return found


def z_scores(values: Values, horizon: int, first: int = FIRST_Z_SCORE) -> Values:
    """How many standard deviations each value is from the running mean before it, either way."""
    found = np.zeros(len(values))
    mean = variance = 0.0
    weight = 1 - math.exp(-1 / horizon)
    for index, value in enumerate(values.tolist()):
        difference = value - mean if index else 0.0
        if index == 0:
            mean = value
        elif index >= first:
            found[index] = abs(difference) / (math.sqrt(variance) + _negligible(mean))
        share = max(weight, 1 / (index + 1))
        mean += share * difference
        variance = (1 - share) * (variance + share * difference * difference)
    return found


def _negligible(level: float) -> float:
    return 1e-9 * (1 + abs(level))


def robust_z_scores(values: Values, horizon: int, first: int = FIRST_Z_SCORE) -> Values:
    """How far each value is from the level of the ``horizon`` before it, in their spread.

    Level and spread are the median and the way from it to the ninth decile, for values below the
    first. The spread is at least the running mean deviation, as deciles may coincide.
    """
    count = len(values)
    low, level, high = np.empty(count), np.empty(count), np.empty(count)
    deviation = np.zeros(count)
    past: list[float] = []
    listed = values.tolist()
    mean, weight = 0.0, 1 - math.exp(-1 / horizon)
    for index, value in enumerate(listed):
        last = len(past) - 1
        if last >= 0:
            low[index] = past[(last + 5) // 10]
            level[index] = past[(last + 1) // 2]
            high[index] = past[(9 * last + 5) // 10]
            deviation[index] = mean
            mean += max(weight, 1 / index) * (abs(value - level[index]) - mean)
        else:
            low[index] = level[index] = high[index] = value
        insort(past, value)
        if last + 1 >= horizon:
            del past[bisect_left(past, listed[index - horizon])]
    difference = values - level
    spread = np.maximum(np.where(difference > 0, high - level, level - low), deviation)
    found = np.abs(difference) / (spread + 1e-9 * (1 + np.abs(level)))
    found[:first] = 0
    return found


def power_law_evidence(z_scores: Values) -> Values:
    """-log10 of a tail that falls with the fourth power, alike for all series.

    A series' own past says nothing yet of heights it has not seen; this does from the beginning.
    """
    evidence: Values = np.minimum(2 * np.log10(1 + z_scores**2), CERTAIN)
    return evidence


def tail_evidence(values: Values) -> Values:
    """How improbable so high a value is by those before it, as -log10 of the probability.

    Up to the tail's beginning that is the share of higher values. Above, the excess is taken to be
    exponential, with a slope from quantiles of the tail.
    """
    evidence = np.zeros(len(values))
    past = np.empty(0)
    for start in range(0, len(values), BLOCK):
        block = values[start : start + BLOCK]
        if len(past) >= FIRST_TAIL:
            evidence[start : start + BLOCK] = _tail_evidence(past, block)
        past = np.sort(np.concatenate([past, block]), kind="stable")
    return np.minimum(evidence, CERTAIN)


def _tail_evidence(past: Values, values: Values) -> Values:
    count = len(past)
    tail = max(TAIL_LEAST, int(TAIL_SHARE * count))
    top = max(1, int(TAIL_TOP * tail))
    beginning = past[count - tail]
    slope = (past[count - top] - beginning) / math.log(tail / top)
    higher = count - np.searchsorted(past, values)
    excess = np.maximum(values - beginning, 0) / (slope + 1e-9)
    inside = -np.log10((higher + 1) / (count + 1))
    beyond = -math.log10((tail + 1) / (count + 1)) + excess / math.log(10)
    return np.where(values <= beginning, inside, beyond)


def forest_scores(forest: HalfSpaceForest, points: Values) -> Values:
    """River's ``score_one`` before ``learn_one`` for a whole series at once.

    Between two windows the reference stands still, so all points of a window are scored together.

    Args:
        forest: the trees.
        points: of shape (values, features), in [0, 1].
    """
    leaves = forest.leaves(points)
    scores = np.zeros(len(points))
    largest = forest.tree_count * forest.window * (2 ** (forest.height + 1) - 1)
    for start in range(forest.window, len(points), forest.window):
        reference = leaves[:, start - forest.window : start]
        current = leaves[:, start : start + forest.window]
        mass = sum(_mass(forest, *tree) for tree in zip(reference, current, strict=True))
        scores[start : start + forest.window] = 1 - mass / largest
    return scores


def _mass(
    forest: HalfSpaceForest, reference: NDArray[np.intp], current: NDArray[np.intp]
) -> NDArray[np.intp]:
    """Sum of mass times 2**depth down one tree, for each current point."""
    total = np.full(len(current), forest.window, np.intp)
    goes_on = np.ones(len(current), np.bool_)
    for depth in range(1, forest.height + 1):
        below = forest.height - depth
        mass = np.bincount(reference >> below, minlength=1 << depth)[current >> below]
        total += np.where(goes_on, mass << depth, 0)
        goes_on &= mass >= SPARSE_SHARE * forest.window
    return total


def keep_peaks(evidence: Values, quiet: int, margin: float) -> Values:
    """Evidence where it is well above all of the last ``quiet`` values, and 0 elsewhere."""
    kept = np.zeros(len(evidence))
    recent: deque[tuple[int, float]] = deque()
    for index, value in enumerate(evidence.tolist()):
        while recent and recent[0][0] < index - quiet:
            recent.popleft()
        if not recent or value > recent[0][1] + margin:
            kept[index] = value
        while recent and recent[-1][1] <= value:
            recent.pop()
        recent.append((index, value))
    return kept
