"""Child processes without orphans: each has its own process group and a bounded log.

Nothing here imports Django, so that servers can be started before the settings are loaded.
"""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, cast

from engagement_conductor.local_stack import guardian
from engagement_conductor.local_stack.guard import guard
from engagement_conductor.logs.files import LogFile

if TYPE_CHECKING:
    import psutil

# Data, journals and dumps that a process writes are readable by their owner only.
OWNER_ONLY_UMASK = 0o077
STOP_SECONDS = 10.0
POLL_SECONDS = 0.02


@dataclass(frozen=True)
class Launch:
    """How to start one process, and which signal stops it.

    ``prepare`` runs before every start, restarts included. It may raise ``OSError`` or
    ``RuntimeError`` with a message for the user.
    """

    name: str
    arguments: list[str]
    environment: Mapping[str, str] | None = None
    directory: Path | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    user: int | None = None
    prepare: Callable[[], None] = field(default=lambda: None)


class Process:
    """One running child, the leader of its own session and process group.

    Args:
        launch: how to start it.
        log_directory: it writes to ``<name>.log`` there.
        log: a started log, which other runs may share; without one the process gets its own, which
            ends with it.

    Raises:
        OSError: the process cannot be started.
        RuntimeError: its preparation failed; the message is for the user.
    """

    def __init__(self, launch: Launch, log_directory: Path, log: LogFile | None = None) -> None:
        self.launch = launch
        self.log = log or LogFile(log_directory / f"{launch.name}.log")
        launch.prepare()
        self._child = subprocess.Popen(  # noqa: S603
            launch.arguments,
            env=launch.environment,
            cwd=launch.directory,
            user=launch.user,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            umask=OWNER_ONLY_UMASK,
        )
        self.pid = self._child.pid
        guard.add(self.pid, launch.stop_signal)
        self.started_at = time.monotonic()
        self._cleaned_up = False
        if log is None:
            self.log.start()
        self._copier = self.log.copy(cast("IO[bytes]", self._child.stdout), then_end=log is None)

    def exit_code(self) -> int | None:
        """None while it runs. Once it has ended, the rest of its group is gone as well."""
        code = self._child.poll()
        if code is not None:
            self._clean_up()
        return code

    def stop(self, seconds: float = STOP_SECONDS) -> None:
        """Sends the stop signal, and kills the whole group after ``seconds``."""
        if self._child.poll() is None:
            self._child.send_signal(self.launch.stop_signal)
        try:
            self._child.wait(max(seconds, 0))
        except subprocess.TimeoutExpired:
            guardian.send(self.pid, signal.SIGKILL)
            self._child.wait()
        self._clean_up()

    def wait_for_output(self, seconds: float) -> None:
        """Returns once all of its output has reached the log, or after ``seconds``."""
        self._copier.join(seconds)

    def last_lines(self, count: int = 5) -> str:
        """The end of its log, for a message to the user."""
        if self._child.poll() is not None:
            self.wait_for_output(1)
            self.log.wait(1)
        try:
            text = self.log.path.read_text(encoding="utf-8", errors="replace")
        except OSError:
            return ""
        return "\n".join(text.splitlines()[-count:])

    def _clean_up(self) -> None:
        # Only once: afterwards the system may give the group's number to another process.
        if self._cleaned_up:
            return
        self._cleaned_up = True
        # A killed leader leaves its workers behind, and they hold ports and locks.
        guardian.send(self.pid, signal.SIGKILL)
        guard.remove(self.pid)


def wait_until(answers: Callable[[], bool], process: Process, seconds: float) -> bool:
    """Whether ``answers()`` became true in time; False as soon as the process ends."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and process.exit_code() is None:
        if answers():
            return True
        time.sleep(POLL_SECONDS)
    return False


def stop_leftover(pid_file: Path, directory: Path, stop_signal: signal.Signals) -> None:
    """Ends a server that still runs in ``directory`` although its owner is gone.

    The process ID in the file may be stale and belong to any process by now, so only a process
    whose working directory is ``directory`` is taken for the server. The file is removed.
    """
    import psutil  # installed with the embedded servers

    try:
        server = psutil.Process(int(pid_file.read_text().split()[0]))
        is_server = Path(server.cwd()).resolve() == directory.resolve()
    except (OSError, ValueError, IndexError, psutil.Error):
        is_server = False
    if is_server:
        with suppress(psutil.NoSuchProcess):  # it has just ended by itself
            _end(server, stop_signal)
    pid_file.unlink(missing_ok=True)


def _end(server: "psutil.Process", stop_signal: signal.Signals) -> None:
    import psutil

    server.send_signal(stop_signal)
    try:
        server.wait(STOP_SECONDS)
    except psutil.TimeoutExpired:
        server.kill()
        server.wait(STOP_SECONDS)


def clean_environment(*prefixes: str) -> dict[str, str]:
    """This process's environment without the variables that start with one of ``prefixes``."""
    return {name: value for name, value in os.environ.items() if not name.startswith(prefixes)}
