"""The splits that are part of the project."""

import os
import subprocess
import sys

import numpy as np

from anomalies_app.detector.river_trees import grow, read_bundled
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
