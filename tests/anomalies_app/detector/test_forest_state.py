"""Windows of forests, packed."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anomalies_app.detector.forest_state import ForestWindows, learn_many, score_many, window_of
from anomalies_app.detector.half_space_trees import HalfSpaceForest
from tests.anomalies_app.detector.test_half_space_trees import forests, some_points


@given(forest=forests, seed=st.integers(0, 2**32 - 1))
@settings(max_examples=25, deadline=None)
def test_a_window_that_stands_in_scores_like_one_of_its_own(
    forest: HalfSpaceForest, seed: int
) -> None:
    random = np.random.default_rng(seed)
    past, points = (some_points(random, forest, count) for count in (forest.window, 3))
    lent, own = ForestWindows.empty(forest, 3), ForestWindows.empty(forest, 1)
    lent.set_reference(np.array([0, 2]), window_of(forest, forest.turns(past)))
    for point in past:
        learn_many(forest, own, forest.turns(point[None]))
    scores = score_many(forest, lent, forest.turns(points))
    expected = [score_many(forest, own, forest.turns(point[None]))[0] for point in points]
    assert scores.tolist() == [expected[0], 0, expected[2]]


class PlainWindows:
    """One session's windows as lists of points, each a table of turns (depths, trees)."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.reference: list[np.ndarray] = []
        self.learning: list[np.ndarray] = []

    def learn(self, turns: np.ndarray) -> None:
        self.learning.append(turns)
        if len(self.learning) == self.size:
            self.reference, self.learning = self.learning, []

    def score(self, turns: np.ndarray) -> float:
        if not self.reference:
            return 0.0
        height, trees = turns.shape
        mass = 0
        for tree in range(trees):
            mass += self.size
            for depth in range(1, height + 1):
                path = turns[:depth, tree]
                count = sum((point[:depth, tree] == path).all() for point in self.reference)
                mass += int(count) * 2**depth
                if count < 0.1 * self.size:
                    break
        return 1 - mass / (trees * self.size * (2 ** (height + 1) - 1))


@pytest.mark.parametrize(
    ("window", "trees", "height", "sessions"),
    [(1, 2, 2, 3), (7, 3, 4, 3), (30, 3, 3, 1), (32, 8, 2, 3), (40, 2, 4, 2), (70, 2, 3, 2)],
)
def test_scores_count_the_points_that_took_the_same_path(
    window: int, trees: int, height: int, sessions: int
) -> None:
    forest = HalfSpaceForest(2, trees, height, window)
    random = np.random.default_rng(window)
    windows = ForestWindows.empty(forest, sessions)
    plain = [PlainWindows(window) for _ in range(sessions)]
    for step in range(2 * window + 12):
        turns = random.random((height, trees, sessions)) < random.choice([0, 0.1, 0.5])
        # The points of one session are all alike.
        turns[..., 0] = False
        if step % 3 == 0 or window < 10:
            expected = [plain[row].score(turns[..., row]) for row in range(sessions)]
            assert score_many(forest, windows, turns).tolist() == pytest.approx(expected, abs=1e-12)
        learns = random.random(sessions) < 0.9
        learn_many(forest, windows, turns, learns)
        for row in np.flatnonzero(learns):
            plain[row].learn(turns[..., row])
    assert windows.filled.tolist() == [len(each.learning) for each in plain]
    assert windows.is_live.all()


def some_windows(forest: HalfSpaceForest, sessions: int, seed: int) -> ForestWindows:
    windows, random = ForestWindows.empty(forest, sessions), np.random.default_rng(seed)
    windows.reference[...], windows.learning[...] = random.integers(
        0, 1 << 30, (2, *windows.reference.shape)
    )
    windows.filled[...] = random.integers(0, 30, sessions)
    windows.is_live[...] = random.random(sessions) < 0.5
    return windows


def test_windows_go_with_their_sessions() -> None:
    forest = HalfSpaceForest(2, tree_count=3, height=4)
    first, second = some_windows(forest, 2, 1), some_windows(forest, 3, 2)
    joined = first.joined(second)
    assert len(joined) == 5
    taken, mask, view = (
        joined.taken(rows)
        for rows in (np.array([4, 0]), np.array([1, 0, 0, 0, 1], np.bool_), slice(2, 5))
    )
    for name, array in vars(joined).items():
        assert (array[..., :2] == getattr(first, name)).all()
        assert (array[..., 2:] == getattr(second, name)).all()
        assert array.dtype == getattr(first, name).dtype
        assert (getattr(taken, name) == array[..., [4, 0]]).all()
        assert getattr(taken, name).flags.c_contiguous
        assert (getattr(mask, name) == array[..., [0, 4]]).all()
        assert (getattr(view, name) == getattr(second, name)).all()
        assert np.shares_memory(getattr(view, name), array)
    types = [array.dtype for array in vars(ForestWindows.empty(forest, 1)).values()]
    assert types == [np.uint32, np.uint32, np.uint16, np.bool_]


def test_scoring_changes_nothing() -> None:
    forest = HalfSpaceForest(2, window=3)
    windows = ForestWindows.empty(forest, 4)
    random = np.random.default_rng(1)
    for _ in range(4):
        learn_many(forest, windows, forest.turns(random.random((4, 2))))
    before = [array.copy() for array in vars(windows).values()]
    turns = forest.turns(random.random((4, 2)))
    assert (score_many(forest, windows, turns) == score_many(forest, windows, turns)).all()
    for array, earlier in zip(vars(windows).values(), before, strict=True):
        assert (array == earlier).all()
