"""Half-space trees for many sessions at once: the paths of points through the trees.

The trees are those of :class:`river.anomaly.HalfSpaceTrees`. River grows the same trees for every
forest with the same seed, so all sessions share them. The forests of two sessions differ only in
the paths of their past points (:mod:`anomalies_app.detector.forest_state`).

Source: S. C. Tan, K. M. Ting, T. F. Liu, "Fast Anomaly Detection for Streaming Data", IJCAI 2011.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from anomalies_app.detector.river_trees import ForestParameters, Splits, splits_of

Turns = NDArray[np.bool_]
Points = NDArray[np.floating[Any]]

TALLEST = 16
# Paths that are followed at once, so that they stay in the processor's cache.
PATHS_AT_ONCE = 80_000


class Branching(NamedTuple):
    """The nodes at one depth of all trees, tree after tree.

    Attributes:
        features: index of the feature each node splits.
        thresholds: in the type of the points.
    """

    features: NDArray[np.intp]
    thresholds: Points


@dataclass(frozen=True)
class HalfSpaceForest:
    """The trees that all sessions share.

    Args:
        feature_count: how many features a point has, each in [0, 1].
        tree_count: number of trees.
        height: of each tree, 1 to 16.
        window: points in the reference and in the learning window.
        seed: for River's random numbers.
    """

    feature_count: int
    tree_count: int = 10
    height: int = 8
    window: int = 30
    seed: int = 42

    def __post_init__(self) -> None:
        if not 1 <= self.height <= TALLEST:
            raise ValueError(f"height must be 1 to {TALLEST}, not {self.height}")
        if min(self.feature_count, self.tree_count, self.window) < 1:
            raise ValueError("a forest needs at least one feature, one tree and one point")

    @property
    def origin(self) -> ForestParameters:
        """What River grows the forest from."""
        return ForestParameters(self.feature_count, self.tree_count, self.height, self.seed)

    @property
    def splits(self) -> Splits:
        return splits_of(self.origin)

    def turns(self, points: Points) -> Turns:
        """The directions that points take at the nodes of their paths.

        Args:
            points: of shape (sessions, features), each in [0, 1].

        Returns:
            Whether they turn right, of shape (height, trees, sessions), from the root down.

        Raises:
            ValueError: points of another shape, or with a NaN.
        """
        if points.ndim != 2 or points.shape[1] != self.feature_count:
            raise ValueError(f"points of shape {points.shape}, not (n, {self.feature_count})")
        if np.isnan(points).any():
            raise ValueError("points must be numbers; there is a NaN")
        found = np.empty((self.height, self.tree_count, len(points)), np.bool_)
        for batch in self.batches(len(points)):
            self._walk(np.ascontiguousarray(points[batch]), found[:, :, batch])
        return found

    def batches(self, sessions: int) -> Iterator[slice]:
        """Batches of sessions whose paths fit the processor's cache."""
        batch = max(1, PATHS_AT_ONCE // self.tree_count)
        return (slice(start, start + batch) for start in range(0, sessions, batch))

    @lru_cache(maxsize=8)  # noqa: B019 - forests are few, frozen, and live as long as the process
    def _branchings(self, kind: np.dtype[Any]) -> list[Branching]:
        thresholds = _rounded_up(self.splits.thresholds, kind)
        levels = [slice((1 << depth) - 1, (2 << depth) - 1) for depth in range(self.height)]
        return [
            Branching(self.splits.features[:, level].ravel(), thresholds[:, level].ravel())
            for level in levels
        ]

    def _walk(self, points: Points, turns: Turns) -> None:
        roots, *below = self._branchings(points.dtype)
        np.greater_equal(points.T[roots.features], roots.thresholds[:, None], out=turns[0])
        values = points.ravel()
        first = np.arange(0, len(values), self.feature_count)
        node = np.repeat(np.arange(self.tree_count)[:, None], len(points), axis=1)
        for depth, branching in enumerate(below, 1):
            # The children of node i at one depth are the nodes 2i and 2i+1 at the next.
            node += node
            node += turns[depth - 1]
            cell = branching.features.take(node)
            cell += first
            np.greater_equal(values.take(cell), branching.thresholds.take(node), out=turns[depth])


def _rounded_up(thresholds: NDArray[np.float64], kind: np.dtype[Any]) -> Points:
    """The thresholds in the points' type, rounded so that every comparison has the same result."""
    rounded = thresholds.astype(kind)
    below = rounded < thresholds
    return np.where(below, np.nextafter(rounded, np.inf), rounded)
