"""Logs survive whatever happens to the disk, and the processes do not notice."""

import os
import re
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engagement_conductor.local_stack.processes import Launch, Process
from engagement_conductor.logs import files
from engagement_conductor.logs.files import MAX_WAITING_BYTES, LogFile
from tests.requirements import missing
from tests.waiting import wait_until

# Says a number twenty times a second, and to a file how far it has come.
TALKER = """
import sys, time
from pathlib import Path
progress = Path(sys.argv[1])
for number in range(100_000):
    print(number, "x" * int(sys.argv[2]), flush=True)
    # Nobody is to read it half written.
    progress.with_suffix(".new").write_text(str(number))
    progress.with_suffix(".new").replace(progress)
    time.sleep(float(sys.argv[3]))
"""


@pytest.fixture(autouse=True)
def quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "RETRY_SECONDS", 0.1)


@pytest.fixture
def talk(tmp_path: Path) -> Iterator[Callable[..., tuple[Process, Callable[[], int]]]]:
    """Starts a process that talks; also gives how far it has come."""
    processes: list[Process] = []

    def start(
        logs: Path, width: int = 10, pause: float = 0.01
    ) -> tuple[Process, Callable[[], int]]:
        progress = tmp_path / "progress"
        command = [sys.executable, "-c", TALKER, str(progress), str(width), str(pause)]
        processes.append(Process(Launch("talker", command), logs))
        wait_until(progress.exists)
        return processes[-1], lambda: int(progress.read_text())

    yield start
    for process in processes:
        process.stop(0)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 2 MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode != 0:
        missing("only root can mount a small disk")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def numbers(text: str) -> list[int]:
    return [int(line.split()[0]) for line in text.splitlines() if line.endswith("x")]


def fill(path: Path) -> None:
    with path.open("wb", buffering=0) as file:
        for size in (4096, 1):
            try:
                while os.write(file.fileno(), bytes(size)) == size:
                    pass
            except OSError:
                continue


def test_a_log_goes_on_after_the_disk_was_full(small_disk: Path, talk) -> None:
    process, progress = talk(small_disk / "logs")
    fill(small_disk / "filler")
    wait_until(lambda: process.log.problem)
    assert process.log.problem == "No space left on device"
    before = progress()
    wait_until(lambda: progress() > before + 50)  # the process does not wait for the disk
    (small_disk / "filler").unlink()
    wait_until(lambda: not process.log.problem)
    last = progress()
    wait_until(lambda: last in numbers(process.log.path.read_text()))
    text = process.log.path.read_text()
    assert numbers(text) == list(range(len(numbers(text))))  # nothing is missing: all had waited
    assert process.log.lost == 0


def test_lines_for_which_there_is_no_room_are_counted(
    small_disk: Path, talk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "MAX_WAITING_BYTES", 20_000)
    process, _ = talk(small_disk / "logs", 1_000, 0.005)
    fill(small_disk / "filler")
    wait_until(lambda: process.log.lost > 200)
    (small_disk / "filler").unlink()
    told_and_more = re.compile(r"were not written here.*\n\d+ x+\n")
    wait_until(lambda: told_and_more.search(process.log.path.read_text()))
    process.stop()
    text = process.log.path.read_text()
    [told] = [line for line in text.splitlines() if "were not written here" in line]
    assert told == f"{process.log.lost} lines were not written here (No space left on device)."
    written = numbers(text)
    assert written == sorted(set(written))
    # After the count comes what came after the lines that are missing.
    place = text.splitlines().index(told)
    before, after = (int(text.splitlines()[each].split()[0]) for each in (place - 1, place + 1))
    assert after - before - 1 == process.log.lost


def test_a_folder_that_is_removed_is_made_again(tmp_path: Path, talk) -> None:
    process, _ = talk(tmp_path / "logs")
    wait_until(process.log.path.exists)
    subprocess.run(["rm", "-r", str(tmp_path / "logs")], check=True)
    wait_until(lambda: process.log.path.exists() and numbers(process.log.path.read_text()))
    assert (process.log.path.stat().st_mode & 0o777) == 0o600
    assert ((tmp_path / "logs").stat().st_mode & 0o777) == 0o700


def test_a_place_that_cannot_be_written_is_tried_again(tmp_path: Path, talk) -> None:
    (tmp_path / "logs").write_text("not a folder")
    process, progress = talk(tmp_path / "logs")
    wait_until(lambda: process.log.problem)
    wait_until(lambda: progress() > 20)
    (tmp_path / "logs").unlink()
    wait_until(lambda: process.log.path.exists() and numbers(process.log.path.read_text())[:1])
    assert numbers(process.log.path.read_text())[0] == 0


def test_a_limit_on_the_size_of_files_ends_nothing(tmp_path: Path) -> None:
    log = LogFile(tmp_path / "a.log")
    writer = threading.Thread(target=log.write, daemon=True)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (25, hard))
    try:
        writer.start()
        for number in range(5):
            log.add(b"line %d....\n" % number)
        wait_until(lambda: log.problem == "File too large")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    log.end()
    writer.join(5)
    # Not even the line that was written in part is torn.
    assert log.path.read_text() == "".join(f"line {number}....\n" for number in range(5))


@pytest.mark.parametrize("number", [5, 30], ids=["EIO", "EROFS"])
def test_errors_of_the_disk_are_survived(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    real, broken = os.write, threading.Event()

    def write(descriptor: int, data: bytes) -> int:
        if broken.is_set() and data.startswith(b"line"):
            raise OSError(number, os.strerror(number))
        return real(descriptor, data)

    monkeypatch.setattr(files.os, "write", write)
    log = LogFile(tmp_path / "a.log")
    writer = threading.Thread(target=log.write, daemon=True)
    writer.start()
    broken.set()
    log.add(b"line 1\n")
    wait_until(lambda: log.problem == os.strerror(number))
    broken.clear()
    log.add(b"line 2\n")
    wait_until(lambda: not log.problem)
    log.end()
    writer.join(5)
    assert log.path.read_text() == "line 1\nline 2\n"


def test_a_slow_disk_stops_nobody_and_takes_little_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = threading.Event()
    real = os.write

    def slow(descriptor: int, data: bytes) -> int:
        release.wait(20)
        return real(descriptor, data)

    monkeypatch.setattr(files.os, "write", slow)
    log = LogFile(tmp_path / "a.log")
    writer = threading.Thread(target=log.write, daemon=True)
    writer.start()
    line = b"x" * 999 + b"\n"
    began = time.monotonic()
    for _ in range(5_000):
        log.add(line)
    assert time.monotonic() - began < 2
    assert log.lost == 5_000 - MAX_WAITING_BYTES // len(line)
    release.set()
    log.end()
    writer.join(10)
    assert f"{log.lost} lines were not written here." in log.path.read_text()


def test_a_disk_that_hangs_is_a_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "HUNG_SECONDS", 0.2)
    log = LogFile(tmp_path / "a.log")
    os.mkfifo(log.path)  # opening it waits for a reader
    log.start()
    log.add(b"first\n")
    assert log.problem == ""
    wait_until(lambda: log.problem == "nothing was written for over 0.2 s")
    for _ in range(3_000):
        log.add(b"x" * 999 + b"\n")
    assert log.lost > 1_000
    with log.path.open("rb") as reader:
        assert reader.readline() == b"first\n"
        told = next(line for line in reader if b"were not written here" in line)
        reason = b"nothing was written for over 0.2 s"
        assert told == b"%d lines were not written here (%b).\n" % (log.lost, reason)
        wait_until(lambda: not log.problem)
        log.close(1)


def test_lines_that_are_lost_are_a_problem_until_the_log_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "MAX_WAITING_BYTES", 20)
    log = LogFile(tmp_path / "a.log")
    for _ in range(5):
        log.add(b"123456789\n")
    assert (log.lost, log.problem) == (3, "it is written too slowly")
    log.start()
    wait_until(lambda: not log.problem)
    log.close(5)
    assert "3 lines were not written here." in log.path.read_text()


def test_what_a_disk_that_hangs_keeps_to_itself_is_lost_in_the_end(tmp_path: Path) -> None:
    log = LogFile(tmp_path / "a.log")
    os.mkfifo(log.path)
    log.start()
    for number in range(7):
        log.add(b"%d\n" % number)
    assert log.lost == 0
    log.close(0.1)
    assert log.lost == 7
    with log.path.open("rb") as reader:
        assert reader.read() == b"".join(b"%d\n" % number for number in range(7))


def test_lines_without_an_end_take_little_memory(tmp_path: Path) -> None:
    script = "import sys; sys.stdout.write('y' * 3_000_000)"
    process = Process(Launch("endless", [sys.executable, "-c", script]), tmp_path)
    wait_until(lambda: process.exit_code() == 0)
    process.last_lines()
    assert process.log.path.read_text().count("y") + process.log.lost * 64 * 1024 >= 3_000_000
