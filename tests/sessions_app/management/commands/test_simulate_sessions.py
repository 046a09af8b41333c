"""``manage.py simulate_sessions``: the files it writes."""

import argparse
import re

import pytest
from django.core.management import CommandError, call_command

from sessions_app.recordings.signal_recording import read_signals
from sessions_app.simulation.labelled.labels import read_labels


def simulate(folder, *options: str) -> None:
    call_command("simulate_sessions", "--output", folder, "--sessions", "3", *options)


def test_signals_and_labels_belong_together(tmp_path, capsys):
    simulate(tmp_path / "new" / "folder")
    signals = read_signals(tmp_path / "new" / "folder" / "signals.csv.gz")
    labels = read_labels(tmp_path / "new" / "folder" / "labels.json.gz")
    assert (
        signals.session_ids == [each.session_id for each in labels] == ["s0000", "s0001", "s0002"]
    )
    assert signals.row_count == sum(each.ticks for each in labels)
    assert re.match(r"3 sessions, \d\.\d hours, \d anomalies, ", capsys.readouterr().out)


def test_the_same_seed_gives_the_same_bytes(tmp_path):
    for name, seed in (("a", "5"), ("b", "5"), ("c", "6")):
        simulate(tmp_path / name, "--seed", seed)
    for file in ("signals.csv.gz", "labels.json.gz"):
        first, again, other = ((tmp_path / name / file).read_bytes() for name in "abc")
        assert first == again != other


def test_unlabelled_sessions_leave_no_labels_behind(tmp_path):
    simulate(tmp_path)
    simulate(tmp_path, "--unlabelled", "--kind", "meetup")
    assert [path.name for path in tmp_path.iterdir()] == ["signals.csv.gz"]


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(CommandError, match="file"):
        simulate(tmp_path / "file")


@pytest.mark.parametrize("options", [("--sessions", "0"), ("--seed", "-1"), ("--kind", "party")])
def test_bad_options_are_refused(tmp_path, options):
    with pytest.raises((CommandError, argparse.ArgumentTypeError)):
        simulate(tmp_path, *options)
