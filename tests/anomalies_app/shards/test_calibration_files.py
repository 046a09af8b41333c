"""Where calibrations are, and which names they may have."""

from dataclasses import replace

import pytest

from anomalies_app.detector.calibration import BUILT_IN, CalibrationError
from anomalies_app.shards.calibration_files import (
    calibration_path,
    load_calibration,
    save_calibration,
)


@pytest.fixture
def data_dir(tmp_path, settings):
    settings.DATA_DIR = tmp_path
    return tmp_path


def test_without_a_name_it_is_the_built_in_one(data_dir):
    assert load_calibration().name == load_calibration("built-in").name == "built-in"
    assert calibration_path("built-in") == BUILT_IN


def test_what_is_stored_is_found_by_its_name_in_the_data_folder(data_dir):
    path = save_calibration(replace(load_calibration(), name="ours-2026.1"))
    assert path == data_dir / "calibrations" / "ours-2026.1.json"
    assert load_calibration("ours-2026.1").name == "ours-2026.1"


@pytest.mark.parametrize("name", ["../secret", "a/b", ".hidden", "a" * 65, "with space", "ä"])
def test_names_that_leave_the_folder_are_refused(data_dir, name):
    with pytest.raises(CalibrationError, match="not allowed as a name"):
        load_calibration(name)


def test_the_built_in_one_is_not_overwritten(data_dir):
    with pytest.raises(CalibrationError, match="built-in"):
        save_calibration(load_calibration())


def test_a_folder_that_cannot_be_written_is_named(data_dir):
    (data_dir / "calibrations").write_text("in the way")
    with pytest.raises(CalibrationError, match="calibrations"):
        save_calibration(replace(load_calibration(), name="ours"))
