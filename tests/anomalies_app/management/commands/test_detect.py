"""``manage.py detect``: detections of recorded signals, as lines of JSON."""

import gzip
import json
import subprocess
import sys
from io import StringIO

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

from sessions_app.recordings.signal_recording import write_signals
from tests.anomalies_app.rooms import Stretch, room, together

EXIT = (Stretch(80, 200, 40), Stretch(12, 80, 30, 0.6), Stretch(60, 200, 40))
FIELDS = [
    "session_id",
    "tick",
    "type",
    "severity",
    "anomaly_score",
    "current_engagement",
    "expected_engagement",
    "deviation",
    "reason",
    "ended_tick",
    "worst_severity",
]


@pytest.fixture
def recording(tmp_path):
    path = tmp_path / "signals.csv.gz"
    quiet = room(Stretch(150, 60, 12), name="quiet", seed=1)
    write_signals(path, together(quiet, room(*EXIT, name="exit", first_tick=1_000)))
    return path


def detect(*arguments, **options):
    out, err = StringIO(), StringIO()
    call_command("detect", *arguments, stdout=out, stderr=err, **options)
    return out.getvalue(), err.getvalue()


def test_each_detection_is_a_line(recording):
    out, err = detect(recording)
    (line,) = out.splitlines()
    detection = json.loads(line)
    assert list(detection) == FIELDS
    assert (detection["session_id"], detection["type"]) == ("exit", "MASS_EXIT")
    assert 1_080 <= detection["tick"] <= 1_082 < detection["ended_tick"] < 1_110
    assert detection["reason"].startswith("Active users fell from 200 to 80")
    assert err.startswith("2 sessions, 302 session-ticks, 1 detections, ")


def test_the_output_goes_to_a_file(recording, tmp_path):
    path = tmp_path / "detections.jsonl"
    out, _ = detect(recording, output=path)
    assert out == ""
    assert path.read_text() == detect(recording)[0]


def test_the_agenda_is_optional_and_mutes(recording, tmp_path):
    header, *rows = gzip.decompress(recording.read_bytes()).decode().splitlines()
    assert header.endswith(",agenda")
    without = tmp_path / "without.csv"
    without.write_text("\n".join(line.rpartition(",")[0] for line in (header, *rows)))
    assert detect(without)[0] == detect(recording)[0]
    closing = tmp_path / "closing.csv"
    closing.write_text("\n".join([header, *(f"{r.rpartition(',')[0]},closing" for r in rows)]))
    assert detect(closing)[0] == ""


@pytest.mark.parametrize(
    ("content", "reason"),
    [(None, "No such file"), ("a,b\n1,2\n", "no column"), ("\x1f\x8bdamaged", "signals.csv")],
)
def test_a_file_that_cannot_be_used_is_named(tmp_path, content, reason):
    path = tmp_path / "signals.csv"
    if content is not None:
        path.write_bytes(content.encode("latin-1"))
    with pytest.raises(CommandError, match=f"signals.csv.*{reason}|{reason}"):
        detect(path)


def test_an_unknown_calibration_is_named(recording):
    with pytest.raises(CommandError, match=r"unknown\.json: No such file"):
        detect(recording, calibration="unknown")


def test_an_output_that_cannot_be_written_is_named(recording, tmp_path):
    with pytest.raises(CommandError, match="Is a directory"):
        detect(recording, output=tmp_path)


def test_it_needs_no_server(recording):
    nowhere = {"DATABASE_URL": "postgresql://127.0.0.1:1/none", "REDIS_URL": "redis://127.0.0.1:1"}
    result = subprocess.run(
        [sys.executable, "manage.py", "detect", recording],
        cwd=settings.BASE_DIR,
        env={**nowhere, "DATA_DIR": str(recording.parent), "PATH": ""},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout == detect(recording)[0]
