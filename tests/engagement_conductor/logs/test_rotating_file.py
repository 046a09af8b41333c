"""A log is private, and a full one is renamed or, if that fails, emptied."""

from pathlib import Path

from engagement_conductor.logs.files import LogFile


def test_a_folder_of_an_earlier_release_is_closed(tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    logs.mkdir(mode=0o755)
    logs.chmod(0o755)
    for name in ("web.log.1", "conference.log"):
        (logs / name).touch(mode=0o644)
    written(logs / "web.log", [b"line\n"], limit=100)
    assert logs.stat().st_mode & 0o777 == 0o700


def test_a_full_file_becomes_the_old_one(tmp_path: Path) -> None:
    log = written(tmp_path / "a.log", [b"%04d\n" % number for number in range(100)], limit=200)
    old = log.path.with_name("a.log.1")
    assert old.stat().st_size <= 205
    assert log.path.read_text().endswith("0099\n")
    assert (old.read_text() + log.path.read_text()).count("\n") >= 40


def test_a_file_that_cannot_be_renamed_keeps_its_newest_lines(tmp_path: Path) -> None:
    (tmp_path / "a.log.1" / "in the way").mkdir(parents=True)
    log = written(tmp_path / "a.log", [b"%04d\n" % number for number in range(100)], limit=200)
    text = log.path.read_text()
    assert len(text) < 500
    assert text.endswith("0099\n")
    assert "Earlier lines could not be kept" in text


def written(path: Path, lines: list[bytes], limit: int) -> LogFile:
    log = LogFile(path, limit)
    for line in lines:
        log.add(line)
    log.end()
    log.write()
    return log
