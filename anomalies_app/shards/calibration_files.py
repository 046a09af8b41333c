"""Finds calibrations by name: the built-in one, or an installation's own in its data folder."""

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
    """The folder of an installation's own calibrations."""
    return Path(settings.DATA_DIR) / "calibrations"


def load_calibration(name: str | None = None) -> Calibration:
    """Loads a calibration by its name; without a name, the built-in one.

    Raises:
        CalibrationError: there is none with this name, or it cannot be read.
    """
    return Calibration.read(calibration_path(name or BUILT_IN_NAME))


def save_calibration(calibration: Calibration) -> Path:
    """Stores an installation's own calibration under its name; returns the path.

    Raises:
        CalibrationError: the name is not allowed, or the folder cannot be written.
    """
    if calibration.name == BUILT_IN_NAME:
        raise CalibrationError(f"{BUILT_IN_NAME!r} is reserved for the built-in calibration")
    return write_calibration(calibration, calibration_path(calibration.name))


def calibration_path(name: str) -> Path:
    """The path of the calibration with this name.

    Raises:
        CalibrationError: the name is not allowed.
    """
    if name == BUILT_IN_NAME:
        return BUILT_IN
    if not _NAME.fullmatch(name):
        raise CalibrationError(
            f"{name!r} is not allowed as a name: use letters, digits, and . _ - only"
        )
    return calibrations_folder() / f"{name}.json"
