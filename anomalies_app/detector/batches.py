"""Some of the sessions that are worked on."""

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from sessions_app.scoring.detection_settings import DetectionSettings
from sessions_app.scoring.score import ScoreSettings

Settings = TypeVar("Settings", ScoreSettings, DetectionSettings)

# Sessions of which the processor's cache holds what is made of them within a tick.
PORTION = 8_000


def portions(count: int) -> list[slice]:
    """So many sessions, portion by portion; one empty portion if there are none."""
    return [slice(start, start + PORTION) for start in range(0, max(count, 1), PORTION)]


def settings_of(settings: Settings, sessions: NDArray[np.int64] | slice) -> Settings:
    """The settings of some sessions, where there are some for each."""
    values = [getattr(settings, name) for name in settings.__dataclass_fields__]
    if not any(isinstance(value, np.ndarray) for value in values):
        return settings
    return type(settings)(
        *(value[sessions] if isinstance(value, np.ndarray) else value for value in values)
    )
