"""Working through the sessions of a tick in batches that fit the processor's cache."""

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from sessions_app.scoring.detection_settings import DetectionSettings
from sessions_app.scoring.score import ScoreSettings

Settings = TypeVar("Settings", ScoreSettings, DetectionSettings)

# Sessions whose intermediate results of a tick fit the processor's cache.
BATCH_SIZE = 8_000


def batches(count: int) -> list[slice]:
    """Slices that cover ``count`` sessions; a single empty one if there are none."""
    return [slice(start, start + BATCH_SIZE) for start in range(0, max(count, 1), BATCH_SIZE)]


def settings_of(settings: Settings, sessions: NDArray[np.int64] | slice) -> Settings:
    """The settings of some sessions: arrays are indexed, scalars hold for all of them."""
    values = [getattr(settings, name) for name in settings.__dataclass_fields__]
    if not any(isinstance(value, np.ndarray) for value in values):
        return settings
    return type(settings)(
        *(value[sessions] if isinstance(value, np.ndarray) else value for value in values)
    )
