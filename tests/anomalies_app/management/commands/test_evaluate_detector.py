"""``manage.py evaluate_detector``: what it measures, on what, and what it prints."""

import json
from typing import NamedTuple

import pytest
from django.core.management import CommandError, call_command

from anomalies_app.detector.calibration import Calibration
from anomalies_app.management.commands import evaluate_detector
from sessions_app.recordings.signal_recording import RecordedSignals
from sessions_app.simulation.labelled.labels import LABELS_FILE, SIGNALS_FILE, read_labels


class Detection(NamedTuple):
    session_id: str
    tick: int
    type: str


@pytest.fixture
def simulated(tmp_path):
    call_command("simulate_sessions", "--output", tmp_path, "--sessions", "12", "--seed", "4")
    return tmp_path


@pytest.fixture
def detector(monkeypatch):
    """Replaces the detector by a list of detections, and notes what it was given."""

    class Fake:
        detections: list[Detection] = []
        given: tuple[RecordedSignals, Calibration]

        def detect(self, signals, calibration, progress=None):
            self.given = signals, calibration
            progress(signals.row_count)
            return self.detections

    fake = Fake()
    monkeypatch.setattr(evaluate_detector, "detect_recorded", fake.detect)
    return fake


def test_a_perfect_detector_is_called_perfect(simulated, detector, capsys):
    labels = read_labels(simulated / LABELS_FILE)
    detector.detections = [
        Detection(session.session_id, anomaly.evident, anomaly.type)
        for session in labels
        for anomaly in session.anomalies
    ]
    capsys.readouterr()
    call_command("evaluate_detector", simulated, "--json", "--calibration", "built-in")
    report = json.loads(capsys.readouterr().out)[str(simulated)]
    assert report["anomalies"] == len(detector.detections) > 2
    assert (report["recall"], report["precision"], report["false_alerts"]) == (1, 1, 0)
    assert report["delay_ticks_from_evident"] == {"median": 0, "p95": 0}
    signals, calibration = detector.given
    assert signals.row_count == sum(session.ticks for session in labels)
    assert calibration.name == "built-in"


def test_a_silent_detector_finds_nothing_in_simulated_sessions(detector, capsys):
    call_command("evaluate_detector", "--sessions", "4", "--seed", "5")
    text = capsys.readouterr().out
    assert text.startswith("4 simulated sessions, seed 5\n4 sessions, ")
    assert "recall           0.000" in text
    signals, calibration = detector.given
    assert signals.session_ids == ["s0000", "s0001", "s0002", "s0003"]
    assert calibration.name == "built-in"


def test_each_folder_has_its_report(simulated, detector, capsys):
    call_command("evaluate_detector", simulated, simulated / ".")
    assert capsys.readouterr().out.count("\nrecall") == 2


@pytest.mark.parametrize("missing", [SIGNALS_FILE, LABELS_FILE])
def test_a_missing_file_is_an_error(simulated, detector, missing):
    (simulated / missing).unlink()
    with pytest.raises(CommandError, match=missing.replace(".", r"\.")):
        call_command("evaluate_detector", simulated)


def test_the_real_detector_finds_most_of_what_is_wrong(capsys):
    call_command("evaluate_detector", "--sessions", "20", "--seed", "6", "--json")
    (report,) = json.loads(capsys.readouterr().out).values()
    assert report["sessions"] == 20
    assert report["anomalies"] > 5
    assert report["recall"] > 0.5
    assert report["precision"] > 0.7
