"""Windows of forests, packed."""

import numpy as np
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
