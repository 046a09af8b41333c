"""The forest against its oracle, River's own."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from river.anomaly import HalfSpaceTrees

from anomalies_app.detector.forest_state import ForestWindows, learn_many, score_many
from anomalies_app.detector.half_space_trees import HalfSpaceForest

forests = st.builds(
    HalfSpaceForest,
    feature_count=st.integers(1, 6),
    tree_count=st.integers(1, 6),
    height=st.integers(1, 10),
    window=st.integers(1, 40),
    seed=st.integers(0, 2**31),
)


def river_forest(forest: HalfSpaceForest) -> HalfSpaceTrees:
    return HalfSpaceTrees(
        n_trees=forest.tree_count,
        height=forest.height,
        window_size=forest.window,
        seed=forest.seed,
    )


def named(point: np.ndarray) -> dict[str, float]:
    return {f"{number:05d}": float(value) for number, value in enumerate(point)}


def some_points(random: np.random.Generator, forest: HalfSpaceForest, sessions: int) -> np.ndarray:
    """Points of which some lie on the border, and some come again and again."""
    points = random.beta(2, 2, (sessions, forest.feature_count))
    points[random.random(points.shape) < 0.1] = 0.0
    points[random.random(points.shape) < 0.1] = 1.0
    return points.round(random.integers(1, 8))


class Rooms:
    """Sessions that come and go, each with its own forest of River beside ours."""

    def __init__(self, forest: HalfSpaceForest) -> None:
        self.forest = forest
        self.windows = ForestWindows.empty(forest, 0)
        self.rivers: list[HalfSpaceTrees] = []

    def join(self, count: int) -> None:
        self.windows = self.windows.joined(ForestWindows.empty(self.forest, count))
        self.rivers += [river_forest(self.forest) for _ in range(count)]

    def leave(self, stays: np.ndarray) -> None:
        self.windows = self.windows.taken(stays)
        self.rivers = [river for river, stay in zip(self.rivers, stays, strict=True) if stay]

    def step(self, points: np.ndarray, learns: np.ndarray) -> tuple[np.ndarray, list[float]]:
        turns = self.forest.turns(points)
        ours = score_many(self.forest, self.windows, turns)
        expected = []
        learn_many(self.forest, self.windows, turns, learns)
        for river, point, learn in zip(self.rivers, points, learns, strict=True):
            expected.append(river.score_one(named(point)))
            if learn:
                river.learn_one(named(point))
        return ours, expected


@given(forest=forests, seed=st.integers(0, 2**32 - 1), single=st.booleans())
@settings(max_examples=60, deadline=None)
def test_scores_equal_those_of_river(forest: HalfSpaceForest, seed: int, single: bool) -> None:
    random = np.random.default_rng(seed)
    rooms = Rooms(forest)
    rooms.join(2)
    for _ in range(3 * forest.window + 5):
        if random.random() < 0.1:
            rooms.join(1)
        if len(rooms.rivers) > 1 and random.random() < 0.05:
            rooms.leave(random.random(len(rooms.rivers)) < 0.7)
        points = some_points(random, forest, len(rooms.rivers))
        points = points.astype(np.float32 if single else np.float64)
        ours, expected = rooms.step(points, random.random(len(points)) < 0.9)
        assert ours == pytest.approx(np.array(expected), abs=1e-12)


@given(forest=forests, seed=st.integers(0, 2**32 - 1))
@settings(max_examples=25, deadline=None)
def test_scores_of_a_session_do_not_depend_on_the_others(
    forest: HalfSpaceForest, seed: int
) -> None:
    random = np.random.default_rng(seed)
    together, alone = ForestWindows.empty(forest, 5), ForestWindows.empty(forest, 1)
    for _ in range(2 * forest.window + 3):
        points = some_points(random, forest, 5)
        turns, turn = forest.turns(points), forest.turns(points[3:4])
        assert score_many(forest, together, turns)[3] == score_many(forest, alone, turn)[0]
        learn_many(forest, together, turns)
        learn_many(forest, alone, turn)


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_points_on_a_threshold_go_right(kind: type) -> None:
    forest, random = HalfSpaceForest(3, tree_count=4, height=5), np.random.default_rng(2)
    features, thresholds = forest.splits
    columns = [random.choice(thresholds[features == number], 300) for number in range(3)]
    points = np.stack(columns, axis=1).astype(kind)
    turns = forest.turns(points)
    for number, point in enumerate(points.tolist()):
        for tree in range(4):
            node = 0
            for depth in range(5):
                right = point[features[tree, node]] >= thresholds[tree, node]
                assert turns[depth, tree, number] == right
                node = 2 * node + 1 + right


def test_batches_hold_eighty_thousand_paths() -> None:
    batches = list(HalfSpaceForest(2, tree_count=3).batches(60_000))
    assert batches == [slice(0, 26_666), slice(26_666, 53_332), slice(53_332, 79_998)]
    assert list(HalfSpaceForest(2, tree_count=90_000).batches(2)) == [slice(0, 1), slice(1, 2)]


def test_what_is_not_a_number_is_refused() -> None:
    forest = HalfSpaceForest(2)
    with pytest.raises(ValueError, match=r"^points must be numbers; there is a NaN$"):
        forest.turns(np.array([[0.5, np.nan]]))


def test_points_of_another_width_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\(1, 3\)"):
        HalfSpaceForest(2).turns(np.zeros((1, 3)))


@pytest.mark.parametrize(
    "settings",
    [{"height": 0}, {"height": 17}, {"window": 0}, {"tree_count": 0}, {"feature_count": 0}],
)
def test_impossible_forests_are_refused(settings: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=r"^height must be|^a forest needs at least one feature"):
        HalfSpaceForest(**{"feature_count": 2, **settings})


def test_the_tallest_forest_has_sixteen_levels() -> None:
    assert HalfSpaceForest(2, height=16).height == 16
