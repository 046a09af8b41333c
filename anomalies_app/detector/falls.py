"""How long a fall took, which tells a sudden drop from a gradual decline."""

import numpy as np
from numpy.typing import NDArray

from anomalies_app.detector.state import MINUTE_TICKS

Floats = NDArray[np.float32]
Flags = NDArray[np.bool_]


def smoothed(depth: Floats) -> Floats:
    """Means of three neighbouring ticks, of two at the latest."""
    smooth: Floats = depth + np.roll(depth, -1, axis=0) + np.roll(depth, 1, axis=0)
    smooth /= 3
    smooth[0] = (depth[0] + depth[1]) / 2
    return smooth


def fall_ticks(depth: Floats) -> NDArray[np.int64]:
    """How long each fall took; ``depth`` is of shape (ticks, rows), the latest tick first.

    How long it has been down since is no part of it: a silence is believed after a minute only.
    """
    deepest = depth[:MINUTE_TICKS].max(axis=0)
    begun = _first(depth < 0.3 * deepest)
    ticks = np.arange(len(depth))[:, None]
    deep = (depth >= 0.8 * deepest) & (ticks < begun)
    taken: NDArray[np.int64] = begun - np.where(deep, ticks, 0).max(axis=0)
    return taken


def _first(hits: Flags) -> NDArray[np.int64]:
    """The first place along the first axis; its length where there is none."""
    places: NDArray[np.int64] = np.where(hits.any(axis=0), hits.argmax(axis=0), len(hits))
    return places
