"""Half-space trees for many sessions at once.

The trees and the scores are those of :class:`river.anomaly.HalfSpaceTrees`. River grows the same
trees for every forest of one seed, so all sessions share them, and what tells one session's forest
from another's is only where its past points fell. A point's place in a tree of height ``h`` is the
path from the root to its leaf, ``h`` bits; the mass of a node on a point's way is the number of
reference points whose paths begin with the same bits, which is how many of them differ from the
point's path by less than a power of two.

Source: S. C. Tan, K. M. Ting, T. F. Liu, "Fast Anomaly Detection for Streaming Data", IJCAI 2011.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from anomalies_app.splits import Forest, Splits, river_splits

Paths = NDArray[np.unsignedinteger[Any]]
Features = NDArray[np.floating[Any]]

# Of the original paper: a node with less than this share of the window's points ends the way.
SPARSE_SHARE = 0.1
TALLEST = 16
# Numbers compared at once, so that they stay in the processor's cache.
PORTION = 2_500_000


class Branching(NamedTuple):
    """The nodes of one depth, tree after tree: how every walk goes on from there.

    Attributes:
        features: index of the feature each node splits.
        thresholds: in the type of the points.
    """

    features: NDArray[np.intp]
    thresholds: Features


@dataclass(frozen=True)
class HalfSpaceForest:
    """The trees, and what is the same for all sessions.

    Args:
        feature_count: how many features a point has, each in [0, 1].
        tree_count: number of trees.
        height: of each tree, 1 to 16.
        window: points in the reference and in the learning window.
        seed: of River's random numbers.
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
    def path_type(self) -> np.dtype[Any]:
        """The smallest type that holds a path."""
        return np.dtype(np.uint8 if self.height <= 8 else np.uint16)

    @property
    def origin(self) -> Forest:
        """What River grows it from."""
        return Forest(self.feature_count, self.tree_count, self.height, self.seed)

    @property
    def splits(self) -> Splits:
        return river_splits(self.origin)

    def paths(self, points: Features) -> Paths:
        """Where points fall.

        Args:
            points: of shape (sessions, features), each in [0, 1].

        Returns:
            Leaf paths of shape (trees, sessions), the first turn in the highest bit.

        Raises:
            ValueError: points of another shape, or not a number.
        """
        if points.ndim != 2 or points.shape[1] != self.feature_count:
            raise ValueError(f"points of shape {points.shape}, not (n, {self.feature_count})")
        if np.isnan(points).any():
            raise ValueError("points must be numbers; there is a NaN")
        found = np.empty((self.tree_count, len(points)), self.path_type)
        for batch in self.batches(len(points)):
            found[:, batch] = self._walk(np.ascontiguousarray(points[batch]))
        return found

    def batches(self, sessions: int) -> Iterator[slice]:
        """Sessions in portions of which the processor's cache holds what is compared."""
        batch = max(1, PORTION // (self.height * self.window * self.tree_count))
        return (slice(start, start + batch) for start in range(0, sessions, batch))

    @lru_cache(maxsize=8)  # noqa: B019 - forests are few, frozen, and live as long as the process
    def _branchings(self, kind: np.dtype[Any]) -> list[Branching]:
        thresholds = _rounded_up(self.splits.thresholds, kind)
        levels = [slice((1 << depth) - 1, (2 << depth) - 1) for depth in range(self.height)]
        return [
            Branching(self.splits.features[:, level].ravel(), thresholds[:, level].ravel())
            for level in levels
        ]

    def _walk(self, points: Features) -> NDArray[np.intp]:
        values = points.ravel()
        rows = np.arange(0, len(values), self.feature_count)
        trees = np.arange(self.tree_count)[:, None]
        # Places among the nodes of a depth: the children of node i are nodes 2i and 2i+1 there.
        place = np.repeat(trees, len(points), axis=1)
        for branching in self._branchings(points.dtype):
            cell = branching.features.take(place)
            cell += rows
            right = values.take(cell) >= branching.thresholds.take(place)
            place += place
            place += right
        place -= trees << self.height
        return place


def _rounded_up(thresholds: NDArray[np.float64], kind: np.dtype[Any]) -> Features:
    """Thresholds in the points' own type, such that every comparison comes out the same."""
    rounded = thresholds.astype(kind)
    below = rounded < thresholds
    return np.where(below, np.nextafter(rounded, np.array(np.inf, kind)), rounded)


@dataclass
class ForestWindows:
    """What the forests of many sessions have seen.

    Attributes:
        reference: leaf paths of each session's last full window, (window, trees, sessions).
        learning: those of the window that is being filled, of the same shape.
        filled: points in the learning window, less than the window; one element per session.
        is_live: whether there is a reference window yet.
    """

    reference: Paths
    learning: Paths
    filled: NDArray[np.uint16]
    is_live: NDArray[np.bool_]

    @classmethod
    def empty(cls, forest: HalfSpaceForest, sessions: int) -> Self:
        """Windows of sessions that have seen nothing."""
        shape = (forest.window, forest.tree_count, sessions)
        return cls(
            np.zeros(shape, forest.path_type),
            np.zeros(shape, forest.path_type),
            np.zeros(sessions, np.uint16),
            np.zeros(sessions, np.bool_),
        )

    def __len__(self) -> int:
        return len(self.filled)

    def joined(self, other: Self) -> Self:
        """These sessions and then the others."""
        return type(self)(
            np.concatenate([self.reference, other.reference], axis=2),
            np.concatenate([self.learning, other.learning], axis=2),
            np.concatenate([self.filled, other.filled]),
            np.concatenate([self.is_live, other.is_live]),
        )

    def taken(self, rows: NDArray[Any] | slice) -> Self:
        """The sessions ``rows`` (positions, a mask, or a slice of this), in that order."""
        return type(self)(
            chosen(self.reference, rows),
            chosen(self.learning, rows),
            self.filled[rows],
            self.is_live[rows],
        )


def chosen(array: NDArray[Any], rows: NDArray[Any] | slice) -> NDArray[Any]:
    """Some of the last axis: a view of a slice, else a copy whose last axis is in one piece."""
    found = array[..., rows]
    # NumPy would leave each session's numbers side by side, and every step would be slower.
    return found if isinstance(rows, slice) else np.ascontiguousarray(found)


def score_many(
    forest: HalfSpaceForest, windows: ForestWindows, paths: Paths
) -> NDArray[np.float64]:
    """How isolated a point is in each session, as ``HalfSpaceTrees.score_one``: 0 to 1.

    Args:
        forest: the trees.
        windows: not changed.
        paths: of :meth:`HalfSpaceForest.paths`, one point per session.

    Returns:
        One score per session; 0 where there is no reference window yet.
    """
    mass = np.empty(len(windows), dtype=np.int64)
    for batch in forest.batches(len(windows)):
        mass[batch] = _mass(forest, windows.reference[:, :, batch] ^ paths[:, batch])
    largest = forest.tree_count * forest.window * (2 ** (forest.height + 1) - 1)
    return np.where(windows.is_live, 1 - mass / largest, 0.0)


def _mass(forest: HalfSpaceForest, difference: Paths) -> NDArray[np.int64]:
    """Sum of mass times 2**depth down all trees, per session.

    Args:
        forest: the trees.
        difference: the bits in which a session's past paths differ from the point's, of shape
            (window, trees, sessions).
    """
    counting = np.dtype(np.uint8 if forest.window < 256 else np.uint32)
    # The smallest type is the fastest.
    largest = forest.window << (forest.height + 1)
    adding = np.dtype(np.uint16 if largest <= np.iinfo(np.uint16).max else np.uint64)
    depths = np.arange(1, forest.height + 1)
    unequal = (1 << (forest.height - depths)).astype(difference.dtype)
    same = difference.reshape(forest.window, -1) < unequal[:, None, None]
    mass = np.add.reduce(same.view(np.uint8), axis=1, dtype=counting)
    # The way ends at a node of little mass, and further down there is no more than that.
    mass[1:] *= mass[:-1] >= math.ceil(SPARSE_SHARE * forest.window)
    weighed = np.multiply(mass, (1 << depths).astype(adding)[:, None], dtype=adding)
    tree_mass = np.add.reduce(weighed, axis=0, dtype=adding).reshape(difference.shape[1:])
    added: NDArray[np.int64] = np.add.reduce(tree_mass, axis=0, dtype=np.int64)
    return added + forest.tree_count * forest.window


def learn_many(
    forest: HalfSpaceForest,
    windows: ForestWindows,
    paths: Paths,
    learns: NDArray[np.bool_] | None = None,
) -> None:
    """Adds a point to each session's learning window, as ``HalfSpaceTrees.learn_one``.

    Args:
        forest: the trees.
        windows: changed in place.
        paths: one point per session.
        learns: which sessions learn; all without it.
    """
    rows = np.arange(len(windows)) if learns is None else np.flatnonzero(learns)
    if not len(rows):
        return
    slots = windows.filled[rows]
    windows.learning[slots, :, rows] = paths[:, rows].T
    windows.filled[rows] += 1
    full = windows.filled == forest.window
    if full.all():
        # Without a mask it is a plain copy.
        windows.reference[...] = windows.learning
        windows.filled[:], windows.is_live[:] = 0, True
    elif full.any():
        windows.reference[:, :, full] = windows.learning[:, :, full]
        windows.filled[full] = 0
        windows.is_live[full] = True
