"""Where River's half-space trees split: grown by River, and kept for the detector's own forest.

To import River takes longer than all else that a worker does before its first task. So the splits
of one forest are part of the project, as River grew them; those of any other are grown when needed.
"""

import json
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

KEPT = Path(__file__).parent / "calibrations" / "trees.json"


class Forest(NamedTuple):
    """What a forest of River is grown from."""

    feature_count: int
    tree_count: int
    height: int
    seed: int


class Splits(NamedTuple):
    """The inner nodes of a forest, breadth first: the children of node ``i`` are 2i+1 and 2i+2.

    Attributes:
        features: index of the feature each node splits, of shape (trees, nodes).
        thresholds: points below go left, the others right; of the same shape.
    """

    features: NDArray[np.intp]
    thresholds: NDArray[np.float64]


@lru_cache(maxsize=64)
def river_splits(forest: Forest) -> Splits:
    """The splits of River's forest, for features that lie in [0, 1]."""
    return read_kept(forest) or grow(forest)


def read_kept(forest: Forest) -> Splits | None:
    """The splits that are part of the project, if they are those of this forest."""
    try:
        kept: dict[str, Any] = json.loads(KEPT.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    if kept["forest"] != forest._asdict():
        return None
    return Splits(np.array(kept["features"], np.intp), np.array(kept["thresholds"], np.float64))


def keep(forest: Forest) -> None:
    """Has River grow a forest, and writes its splits into the project."""
    splits = grow(forest)
    kept = {
        "forest": forest._asdict(),
        "features": splits.features.tolist(),
        "thresholds": splits.thresholds.tolist(),
    }
    KEPT.write_text(json.dumps(kept, separators=(",", ":")) + "\n", encoding="utf-8")


def grow(forest: Forest) -> Splits:
    """The splits of a forest that River grows now."""
    from river.anomaly import HalfSpaceTrees

    names = [f"{number:05d}" for number in range(forest.feature_count)]
    trees: Any = HalfSpaceTrees(
        n_trees=forest.tree_count, height=forest.height, window_size=2, seed=forest.seed
    )
    trees.learn_one(dict.fromkeys(names, 0.5))
    nodes = [_inner_nodes(tree, forest.height) for tree in trees.trees]
    features = [[names.index(node.feature) for node in tree] for tree in nodes]
    thresholds = [[node.threshold for node in tree] for tree in nodes]
    return Splits(np.array(features, dtype=np.intp), np.array(thresholds, dtype=np.float64))


def _inner_nodes(root: Any, height: int) -> list[Any]:
    level, found = [root], []
    for _ in range(height):
        found += level
        level = [child for node in level for child in node.children]
    return found
