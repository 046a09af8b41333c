"""Commands that run to their end: what they print, what they log, and how they are stopped."""

import sys
import time
from pathlib import Path

import pytest

from engagement_conductor.local_stack.one_shot import CommandFailedError, run_once


def script(folder: Path, code: str) -> list[str]:
    """A command whose log is called after its first argument."""
    path = folder / "program.py"
    path.write_text(code)
    return [sys.executable, str(path), "make_it"]


def test_it_returns_what_was_printed_and_logs_only_errors(tmp_path: Path) -> None:
    code = "import sys\nprint(' secret ')\nprint('careful', file=sys.stderr)"
    assert run_once(script(tmp_path, code), tmp_path / "logs", lambda _: None) == "secret"
    log = tmp_path / "logs" / "make_it.log"
    assert log.read_text() == "careful\n"
    assert log.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("raise ValueError('too small')", "make_it failed: too small (see "),
        ("raise SystemExit(3)", "make_it failed: no reason given (see "),
        (
            "import sys\nsys.exit('?: (app.E001) It is wrong.\\n\\tHINT: Make it right.')",
            "make_it failed: It is wrong. Make it right. (see ",
        ),
    ],
)
def test_a_failure_is_told_in_a_line(tmp_path: Path, code: str, message: str) -> None:
    with pytest.raises(CommandFailedError) as failed:
        run_once(script(tmp_path, code), tmp_path / "logs", lambda _: None)
    assert str(failed.value).startswith(message)


def test_whoever_gives_up_leaves_no_process(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    code = f"import time, pathlib\ntime.sleep(1)\npathlib.Path({str(mark)!r}).touch()"

    def give_up(_: float) -> None:
        raise KeyboardInterrupt

    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        run_once(script(tmp_path, code), tmp_path / "logs", give_up)
    assert time.monotonic() - began < 1
    time.sleep(1.2)
    assert not mark.exists()
