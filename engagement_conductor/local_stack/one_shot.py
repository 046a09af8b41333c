"""Commands that run to their end while the user can still stop the stack."""

import re
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

from engagement_conductor.configuration import env
from engagement_conductor.configuration.env import BASE_DIR
from engagement_conductor.local_stack import guardian
from engagement_conductor.local_stack.processes import OURS_ONLY, guard

STEP_SECONDS = 0.05


class CommandFailedError(Exception):
    """A command ended with an error; the message is for the user."""


def run_once(arguments: list[str], log_directory: Path, pause: Callable[[float], None]) -> str:
    """Runs a command to its end and returns what it printed, stripped.

    What it printed may be a password and goes into no log; its errors do.

    Args:
        arguments: the command; its last word but options names the log, ``<name>.log``.
        log_directory: where its error output replaces that of the run before.
        pause: sleeps, and may raise to give up: then the command is killed.

    Raises:
        CommandFailedError: it ended with an error.
        OSError: its log cannot be written.
    """
    name = next(part for part in arguments[2:] if not part.startswith("-"))
    log = env.private_folder(log_directory) / f"{name}.log"
    with (
        env.open_private(log) as errors,
        subprocess.Popen(  # noqa: S603
            arguments,
            cwd=BASE_DIR,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            start_new_session=True,
            umask=OURS_ONLY,
        ) as child,
    ):
        guard.add(child.pid, signal.SIGTERM)
        try:
            output = _communicate(child, pause)
        finally:
            guardian.send(child.pid, signal.SIGKILL)
            guard.remove(child.pid)
    if child.returncode != 0:
        raise CommandFailedError(f"{name} failed: {_last_line(log)} (all of it: {log})")
    return output.decode("utf-8", errors="replace").strip()


def _communicate(child: "subprocess.Popen[bytes]", pause: Callable[[float], None]) -> bytes:
    while True:
        try:
            return child.communicate(timeout=STEP_SECONDS)[0]
        except subprocess.TimeoutExpired:
            pause(0)


def _last_line(log: Path) -> str:
    """The last line of a log without the kind of its error; a hint, with what it is about."""
    text = log.read_text(encoding="utf-8", errors="replace")
    *before, last = [
        "it printed no reason",
        *(line.strip() for line in text.split("\n") if line.strip()),
    ]
    if last.startswith("HINT: "):
        problem = re.sub(r"^\S+: \([\w.]+\) ", "", before[-1])
        return f"{problem} {last.removeprefix('HINT: ')}"
    return re.sub(r"^[\w.]+(Error|Exception|Configured): ", "", last)
