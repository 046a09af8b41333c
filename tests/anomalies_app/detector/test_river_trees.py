"""The splits that are part of the project."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from river.anomaly import HalfSpaceTrees

from anomalies_app.detector import river_trees
from anomalies_app.detector.river_trees import (
    BUNDLED,
    ForestParameters,
    grow,
    read_bundled,
    write_bundled,
)
from anomalies_app.detector.state import FOREST
from engagement_conductor.configuration.env import BASE_DIR

IMPORTED = """
import sys
from engagement_conductor.celery import app
app.loader.import_default_modules()
from engagement_conductor import pipeline
from anomalies_app.detector.state import FOREST
assert FOREST.splits.features.shape == (FOREST.tree_count, 2**FOREST.height - 1)
print(sorted({"river", "scipy"} & sys.modules.keys()))
"""


def test_the_kept_splits_are_those_that_river_grows() -> None:
    kept, grown = read_bundled(FOREST.origin), grow(FOREST.origin)
    assert kept is not None
    np.testing.assert_array_equal(kept.features, grown.features)
    np.testing.assert_array_equal(kept.thresholds, grown.thresholds)


def test_bundling_anew_writes_the_same_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(river_trees, "BUNDLED", tmp_path / "trees.json")
    assert read_bundled(FOREST.origin) is None
    write_bundled(FOREST.origin)
    assert (tmp_path / "trees.json").read_bytes() == BUNDLED.read_bytes()


def test_a_forest_has_as_many_trees_and_levels_as_wanted() -> None:
    features, thresholds = grow(ForestParameters(feature_count=2, tree_count=3, height=4, seed=1))
    assert features.shape == thresholds.shape == (3, 2**4 - 1)
    river = HalfSpaceTrees(n_trees=3, height=4, seed=1)
    river.learn_one({"00000": 0.1, "00001": 0.2})
    roots = [(node.feature, node.threshold) for node in river.trees]
    assert [f"{feature:05d}" for feature in features[:, 0]] == [feature for feature, _ in roots]
    assert thresholds[:, 0].tolist() == [threshold for _, threshold in roots]


def test_splits_of_another_forest_are_not_kept() -> None:
    assert read_bundled(FOREST.origin._replace(seed=FOREST.seed + 1)) is None


def test_a_worker_starts_without_river() -> None:
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "engagement_conductor.settings"}
    result = subprocess.run(
        [sys.executable, "-c", IMPORTED],
        cwd=BASE_DIR,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert result.stdout.strip() == "[]", result.stderr
