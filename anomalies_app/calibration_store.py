"""Where calibrations are kept: the built-in one here, an installation's own in a folder."""

import os
import re
from pathlib import Path

from anomalies_app.calibration import (
    BUILT_IN,
    Calibration,
    CalibrationError,
    write_calibration,
)

BUILT_IN_NAME = "built-in"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def calibrations_folder() -> Path:
    """Where an installation keeps its own."""
    return Path(os.environ.get("DATA_DIR", ".data")) / "calibrations"


def load_calibration(name: str | None = None) -> Calibration:
    """The calibration of that name; the built-in one without a name.

    Raises:
        CalibrationError: there is none of that name, or it cannot be read.
    """
    if name is None or name == BUILT_IN_NAME:
        return Calibration.read(BUILT_IN)
    return Calibration.read(calibration_path(name))


def save_calibration(calibration: Calibration) -> Path:
    """Stores an installation's own calibration under its name; returns where."""
    path = calibration_path(calibration.name)
    write_calibration(calibration, path)
    return path


def calibration_path(name: str) -> Path:
    """Where the calibration of that name is stored.

    Raises:
        CalibrationError: not a name for one.
    """
    if not _NAME.fullmatch(name):
        raise CalibrationError(f"{name!r} is no name for a calibration: letters, digits, . _ -")
    return calibrations_folder() / f"{name}.json"
