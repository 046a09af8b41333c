"""Labels, as they are written to files."""

import pytest

from sessions_app.simulation.labelled.labels import (
    LabelsError,
    Stretch,
    read_labels,
    write_labels,
)
from tests.anomalies_app.evaluation.test_report import anomaly, session


@pytest.mark.parametrize("name", ["labels.json", "labels.json.gz"])
def test_labels_are_read_as_they_were_written(tmp_path, name):
    labels = [session(anomaly(1, 2), excused=[Stretch(3, 4, "break")])]
    write_labels(tmp_path / name, labels)
    assert read_labels(tmp_path / name) == labels


@pytest.mark.parametrize(
    "data",
    [b"", b"[]", b'{"sessions": [{}]}', b'{"tick_seconds": 1, "sessions": []}', b"\x1f\x8bx"],
)
def test_bad_labels_are_refused_by_name(tmp_path, data):
    path = tmp_path / "labels.json"
    path.write_bytes(data)
    with pytest.raises(LabelsError, match=r"labels\.json"):
        read_labels(path)
