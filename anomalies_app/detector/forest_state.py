"""The windows of the half-space trees of many sessions, and how isolated a point is in each.

A window is stored as bits: for each depth of each tree, a word says for each point of the window
whether it turned right there. The points that took the same path as a new one agree with it at all
depths from the root down, so the mass of a node is a count of bits. Scores equal those of
:class:`river.anomaly.HalfSpaceTrees`.

Source: S. C. Tan, K. M. Ting, T. F. Liu, "Fast Anomaly Detection for Streaming Data", IJCAI 2011.
"""

import math
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from anomalies_app.detector.half_space_trees import HalfSpaceForest, Turns

Words = NDArray[np.uint32]

# As in the original paper: a path ends at a node with less than this share of the window's points.
SPARSE_SHARE = 0.1
WORD_BITS = 32
LARGEST_BYTE = 255


@dataclass
class ForestWindows:
    """The windows of many sessions' forests.

    Attributes:
        reference: which points of each session's last full window turned right, as bits of words of
            shape (words, height, trees, sessions); the first point is the lowest bit.
        learning: the same of the window that is being filled.
        filled: how many points the learning window has, one element per session.
        is_live: whether there is a reference window yet.
    """

    reference: Words
    learning: Words
    filled: NDArray[np.uint16]
    is_live: NDArray[np.bool_]

    @classmethod
    def empty(cls, forest: HalfSpaceForest, sessions: int) -> Self:
        """The windows of new sessions."""
        words = math.ceil(forest.window / WORD_BITS)
        shape = (words, forest.height, forest.tree_count, sessions)
        return cls(
            np.zeros(shape, np.uint32),
            np.zeros(shape, np.uint32),
            np.zeros(sessions, np.uint16),
            np.zeros(sessions, np.bool_),
        )

    def __len__(self) -> int:
        return len(self.filled)

    def joined(self, other: Self) -> Self:
        """These sessions followed by the others."""
        return type(self)(
            np.concatenate([self.reference, other.reference], axis=-1),
            np.concatenate([self.learning, other.learning], axis=-1),
            np.concatenate([self.filled, other.filled]),
            np.concatenate([self.is_live, other.is_live]),
        )

    def taken(self, rows: NDArray[Any] | slice) -> Self:
        """The sessions at ``rows`` (positions, a mask, or a slice for a view), in that order."""
        return type(self)(
            chosen(self.reference, rows),
            chosen(self.learning, rows),
            self.filled[rows],
            self.is_live[rows],
        )

    def set_reference(self, rows: NDArray[np.intp], reference: Words) -> None:
        """Gives some sessions a reference window that does not come from their own past.

        Args:
            rows: positions of the sessions.
            reference: of shape (words, height, trees), as :func:`window_of` makes it.
        """
        self.reference[..., rows] = reference[..., None]
        self.is_live[rows] = True


def chosen(array: NDArray[Any], rows: NDArray[Any] | slice) -> NDArray[Any]:
    """Some elements of the last axis: a view for a slice, else a copy contiguous along it."""
    found = array[..., rows]
    # NumPy would put each session's values side by side, which slows every step down.
    return found if isinstance(rows, slice) else np.ascontiguousarray(found)


def window_of(forest: HalfSpaceForest, turns: Turns) -> Words:
    """A window of one session's points, of shape (words, height, trees).

    Args:
        forest: the trees.
        turns: of :meth:`HalfSpaceForest.turns`, for as many points as a window has.
    """
    windows = ForestWindows.empty(forest, 1)
    for point in range(forest.window):
        learn_many(forest, windows, turns[:, :, point : point + 1])
    return windows.reference[..., 0]


def score_many(
    forest: HalfSpaceForest, windows: ForestWindows, turns: Turns
) -> NDArray[np.float64]:
    """How isolated a point is in each session, like ``HalfSpaceTrees.score_one``: 0 to 1.

    Args:
        forest: the trees.
        windows: not changed.
        turns: of :meth:`HalfSpaceForest.turns`, one point per session.

    Returns:
        One score per session; 0 where there is no reference window yet.
    """
    mass = np.empty(len(windows), dtype=np.int64)
    for batch in forest.batches(len(windows)):
        mass[batch] = _mass(forest, windows.reference[..., batch], turns[..., batch])
    largest = forest.tree_count * forest.window * (2 ** (forest.height + 1) - 1)
    return np.where(windows.is_live, 1 - mass / largest, 0.0)


def _mass(forest: HalfSpaceForest, reference: Words, turns: Turns) -> NDArray[np.int64]:
    """Sum of mass times 2**depth down all trees, per session."""
    least = math.ceil(SPARSE_SHARE * forest.window)
    agreeing = np.empty((len(reference), *turns.shape[1:]), np.uint32)
    agreeing[...] = _all_points(forest)[:, None, None]
    total = np.full(turns.shape[2], forest.tree_count * forest.window, np.int64)
    goes_on = np.ones(turns.shape[1:], np.bool_)
    for depth, turn in enumerate(turns):
        # All ones where the point goes left: the points that agree with it have a zero there.
        left = turn.astype(np.uint32)
        left -= np.uint32(1)
        agreeing &= reference[:, depth] ^ left
        mass = _counted(agreeing)
        # The path ends at a node of little mass; deeper nodes on it have no more than that.
        mass *= goes_on.view(np.uint8)
        total += _added(mass, forest.window) << (depth + 1)
        np.greater_equal(mass, least, out=goes_on)
    return total


def _all_points(forest: HalfSpaceForest) -> Words:
    bits = np.arange(math.ceil(forest.window / WORD_BITS) * WORD_BITS) < forest.window
    return np.packbits(bits, bitorder="little").view("<u4").astype(np.uint32)


def _counted(words: Words) -> NDArray[np.unsignedinteger[Any]]:
    """The number of bits set, of shape (trees, sessions)."""
    bits: NDArray[np.uint8] = np.bitwise_count(words)
    if len(bits) == 1:
        of_one_word: NDArray[np.uint8] = bits[0]
        return of_one_word
    of_all: NDArray[np.uint32] = np.add.reduce(bits, axis=0, dtype=np.uint32)
    return of_all


def _added(mass: NDArray[np.unsignedinteger[Any]], most: int) -> NDArray[np.int64]:
    """The sum over all trees, of numbers up to ``most``."""
    # First over as many trees as fit into a byte: the smallest type is the fastest.
    size = max(1, LARGEST_BYTE // most)
    parts = [mass[start : start + size] for start in range(0, len(mass), size)]
    added: NDArray[np.int64] = sum(
        (np.add.reduce(part, axis=0, dtype=mass.dtype).astype(np.int64) for part in parts),
        np.zeros(mass.shape[1], np.int64),
    )
    return added


def learn_many(
    forest: HalfSpaceForest,
    windows: ForestWindows,
    turns: Turns,
    learns: NDArray[np.bool_] | None = None,
) -> None:
    """Adds a point to each session's learning window, like ``HalfSpaceTrees.learn_one``.

    Args:
        forest: the trees.
        windows: changed in place.
        turns: one point per session.
        learns: which sessions learn; None for all.
    """
    learns = np.ones(len(windows), np.bool_) if learns is None else learns
    for batch in forest.batches(len(windows)):
        bits = learns[batch].astype(np.uint32) << windows.filled[batch] % WORD_BITS
        words = windows.filled[batch] // WORD_BITS
        _learn(windows.learning[..., batch], turns[..., batch], words, bits)
    windows.filled += learns
    is_full = windows.filled == forest.window
    if is_full.all():
        # A plain copy, without indexing.
        _flip(windows, slice(None))
    elif is_full.any():
        _flip(windows, np.flatnonzero(is_full))


def _learn(learning: Words, turns: Turns, words: NDArray[np.uint16], bits: Words) -> None:
    """Sets each session's bit in its word wherever the point turned right."""
    for number, learned in enumerate(learning):
        turned = turns.astype(np.uint32)
        turned *= bits if len(learning) == 1 else np.where(words == number, bits, np.uint32(0))
        learned |= turned


def _flip(windows: ForestWindows, full: NDArray[np.intp] | slice) -> None:
    windows.reference[..., full] = windows.learning[..., full]
    windows.learning[..., full] = 0
    windows.filled[full], windows.is_live[full] = 0, True
