"""Runs a command to completion while the user can still stop the stack."""

import re
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

from engagement_conductor.configuration.env import BASE_DIR
from engagement_conductor.configuration.private_files import open_private, private_folder
from engagement_conductor.local_stack import guardian
from engagement_conductor.local_stack.guard import guard
from engagement_conductor.local_stack.processes import OWNER_ONLY_UMASK

STEP_SECONDS = 0.05


class CommandFailedError(Exception):
    """A command failed; the message is for the user."""


def run_once(arguments: list[str], log_directory: Path, pause: Callable[[float], None]) -> str:
    """Runs a command to completion and returns its output, stripped.

    The output is not logged, as it may contain a password; the error output is.

    Args:
        arguments: the command; the first argument after the program and its script that is not an
            option names the log, ``<name>.log``.
        log_directory: folder of the log, which replaces that of the previous run.
        pause: sleeps; if it raises, the command is killed.

    Raises:
        CommandFailedError: the command failed.
        OSError: its log cannot be written.
    """
    name = next(part for part in arguments[2:] if not part.startswith("-"))
    log = private_folder(log_directory) / f"{name}.log"
    with (
        open_private(log) as errors,
        subprocess.Popen(  # noqa: S603
            arguments,
            cwd=BASE_DIR,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            start_new_session=True,
            umask=OWNER_ONLY_UMASK,
        ) as child,
    ):
        guard.add(child.pid, signal.SIGTERM)
        try:
            output = _communicate(child, pause)
        finally:
            guardian.send(child.pid, signal.SIGKILL)
            guard.remove(child.pid)
    if child.returncode != 0:
        raise CommandFailedError(f"{name} failed: {_last_line(log)} (see {log})")
    return output.decode("utf-8", errors="replace").strip()


def _communicate(child: "subprocess.Popen[bytes]", pause: Callable[[float], None]) -> bytes:
    while True:
        try:
            return child.communicate(timeout=STEP_SECONDS)[0]
        except subprocess.TimeoutExpired:
            pause(0)


def _last_line(log: Path) -> str:
    """The last line of a log without the error's class; a hint is joined to its problem."""
    text = log.read_text(encoding="utf-8", errors="replace")
    *before, last = [
        "no reason given",
        *(line.strip() for line in text.split("\n") if line.strip()),
    ]
    if last.startswith("HINT: "):
        problem = re.sub(r"^\S+: \([\w.]+\) ", "", before[-1])
        return f"{problem} {last.removeprefix('HINT: ')}"
    return re.sub(r"^[\w.]+(Error|Exception|Configured): ", "", last)
