"""Where calibrations are kept: the built-in one here, an installation's own in its data folder."""

import re
from pathlib import Path

from django.conf import settings

from anomalies_app.detector.calibration import (
    BUILT_IN,
    Calibration,
    CalibrationError,
    write_calibration,
)

BUILT_IN_NAME = "built-in"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def calibrations_folder() -> Path:
    """Where an installation keeps its own."""
    return Path(settings.DATA_DIR) / "calibrations"


def load_calibration(name: str | None = None) -> Calibration:
    """The calibration of that name; the built-in one without a name.

    Raises:
        CalibrationError: there is none of that name, or it cannot be read.
    """
    return Calibration.read(calibration_path(name or BUILT_IN_NAME))


def save_calibration(calibration: Calibration) -> Path:
    """Stores an installation's own calibration under its name; returns where.

    Raises:
        CalibrationError: not a name for one, or the folder cannot be written.
    """
    if calibration.name == BUILT_IN_NAME:
        raise CalibrationError(f"{BUILT_IN_NAME!r} is the name of the one that is part of this")
    return write_calibration(calibration, calibration_path(calibration.name))


def calibration_path(name: str) -> Path:
    """Where the calibration of that name is stored.

    Raises:
        CalibrationError: not a name for one.
    """
    if name == BUILT_IN_NAME:
        return BUILT_IN
    if not _NAME.fullmatch(name):
        raise CalibrationError(f"{name!r} is no name for a calibration: letters, digits, . _ -")
    return calibrations_folder() / f"{name}.json"
