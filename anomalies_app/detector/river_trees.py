"""The splits of River's half-space trees.

Importing River takes longer than everything else that a worker does before its first task. So the
splits of the detector's own forest are bundled, as River grew them; those of other forests are
grown when needed.
"""

import json
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

BUNDLED = Path(__file__).parent / "calibrations" / "trees.json"


class ForestParameters(NamedTuple):
    """What River grows a forest from."""

    feature_count: int
    tree_count: int
    height: int
    seed: int


class Splits(NamedTuple):
    """The inner nodes of a forest, breadth first: the children of node ``i`` are 2i+1 and 2i+2.

    Attributes:
        features: index of the feature that each node splits, of shape (trees, nodes).
        thresholds: smaller values go left, others right; of the same shape.
    """

    features: NDArray[np.intp]
    thresholds: NDArray[np.float64]


@lru_cache(maxsize=64)
def splits_of(forest: ForestParameters) -> Splits:
    """The splits of River's forest, for features in [0, 1]."""
    return read_bundled(forest) or grow(forest)


def read_bundled(forest: ForestParameters) -> Splits | None:
    """The bundled splits, if they are those of this forest."""
    try:
        bundled: dict[str, Any] = json.loads(BUNDLED.read_bytes())
    except FileNotFoundError:
        return None
    if bundled["forest"] != forest._asdict():
        return None
    return Splits(
        np.array(bundled["features"], np.intp), np.array(bundled["thresholds"], np.float64)
    )


def write_bundled(forest: ForestParameters) -> None:
    """Has River grow a forest, and bundles its splits with the project."""
    splits = grow(forest)
    bundled = {
        "forest": forest._asdict(),
        "features": splits.features.tolist(),
        "thresholds": splits.thresholds.tolist(),
    }
    BUNDLED.write_bytes(json.dumps(bundled, separators=(",", ":")).encode() + b"\n")


def grow(forest: ForestParameters) -> Splits:
    """The splits of a forest, grown by River now."""
    from river.anomaly import HalfSpaceTrees

    names = [f"{number:05d}" for number in range(forest.feature_count)]
    trees: Any = HalfSpaceTrees(n_trees=forest.tree_count, height=forest.height, seed=forest.seed)
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
