"""``manage.py calibrate_detector``: from files, from stored metrics, and the built-in one."""

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from anomalies_app.evaluation import calibration_fitting
from anomalies_app.management.commands import calibrate_detector
from anomalies_app.shards.calibration_files import load_calibration
from sessions_app.recordings.signal_recording import write_signals
from tests.anomalies_app.rooms import Stretch, room, together
from tests.factories import last_tick_end, make_event, make_session, store_signals

ROOMS = [room(Stretch(90, 30 * n, 8 * n), name=f"room {n}", seed=n) for n in range(1, 5)]


@pytest.fixture(autouse=True)
def data_dir(tmp_path, settings, monkeypatch):
    settings.DATA_DIR = tmp_path
    monkeypatch.setattr(calibration_fitting, "FEWEST_QUIET_TICKS", 50)
    return tmp_path


def calibrate(*arguments, **options):
    out = StringIO()
    call_command("calibrate_detector", *arguments, stdout=out, stderr=StringIO(), **options)
    return out.getvalue()


@pytest.fixture
def files(tmp_path):
    paths = [tmp_path / "one.csv", tmp_path / "two.csv.gz"]
    write_signals(paths[0], together(*ROOMS[:2]))
    write_signals(paths[1], together(*ROOMS[2:]))
    return paths


def test_files_make_a_calibration_that_can_be_used(files, data_dir):
    out = calibrate(*files, name="ours")
    assert "one.csv, two.csv.gz" in out
    assert "DETECTOR_CALIBRATION=ours" in out
    calibration = load_calibration("ours")
    assert (calibration.name, calibration.made_from) == ("ours", "one.csv, two.csv.gz")
    assert calibration.ticks > 200
    call_command("detect", files[0], calibration="ours", stdout=StringIO(), stderr=StringIO())


@pytest.mark.django_db
def test_stored_metrics_make_one(data_dir):
    event = make_event("Ours")
    for recorded in ROOMS:
        store_signals(make_session(event, "talk"), recorded)
    store_signals(make_session(make_event("Other"), "talk"), ROOMS[0])
    calibrate(name="all")
    calibrate(name="ours", event=event.external_id)
    assert load_calibration("all").ticks > load_calibration("ours").ticks > 200
    since = last_tick_end() + timedelta(days=1)
    with pytest.raises(CommandError, match="0 quiet ticks are too few"):
        calibrate(since=since)


def test_the_built_in_one_is_the_same_each_time(tmp_path, monkeypatch):
    monkeypatch.setattr(calibrate_detector, "SIMULATED_SESSIONS", 1)
    paths = [tmp_path / "first.json", tmp_path / "second.json"]
    for path in paths:
        calibrate("--built-in", output=path)
    assert paths[0].read_bytes() == paths[1].read_bytes()
    assert b"1 simulated sessions, seed 1001" in paths[0].read_bytes()


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--name", "../x"], "not allowed as a name"),
        (["--name", "built-in"], "reserved"),
        (["--built-in", "--event", "x"], "always uses simulated sessions"),
        (["some.csv", "--since", "2026-05-01"], "--since cannot be used with files"),
        (["missing.csv"], "missing.csv: No such file"),
        (["--since", "yesterday"], "'yesterday' is not a date"),
    ],
)
def test_what_cannot_be_done_is_said_at_once(arguments, reason):
    with pytest.raises(CommandError, match=reason):
        calibrate(*arguments)


def test_too_little_is_said(tmp_path):
    path = tmp_path / "short.csv"
    write_signals(path, room(Stretch(30, 50, 10)))
    with pytest.raises(CommandError, match="quiet ticks are too few"):
        calibrate(path)
