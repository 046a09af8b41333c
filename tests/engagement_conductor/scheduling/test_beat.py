"""Beat sends its tasks whether or not it can show that it lives."""

from pathlib import Path

import pytest

from engagement_conductor.scheduling import beat
from engagement_conductor.scheduling.beat import HeartbeatScheduler


def test_a_sign_of_life_that_cannot_be_written_stops_no_tick(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("DATA_DIR", str(tmp_path / "file" / "data"))
    for _ in range(3):
        HeartbeatScheduler._touch()
    assert not beat.is_alive()
    [record] = caplog.records
    assert "Not a directory" in record.getMessage()


def test_a_sign_of_life_is_for_its_owner_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATA_DIR", str(tmp_path / "data"))
    HeartbeatScheduler._touch()
    assert beat.is_alive()
    assert beat.heartbeat_file().stat().st_mode & 0o077 == 0
