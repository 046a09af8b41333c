"""Child processes that are ours to the end: own process group, bounded log, no orphan.

Nothing here knows Django, so that servers can be started before there are settings.
"""

import atexit
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, cast

from engagement_conductor.local_stack import guardian
from engagement_conductor.logs.files import LogFile

if TYPE_CHECKING:
    import psutil

# What a process writes is for its owner only: data, journals, dumps.
OURS_ONLY = 0o077
STOP_SECONDS = 10.0
POLL_SECONDS = 0.02


@dataclass(frozen=True)
class Launch:
    """How to start one process, and how to ask it to end.

    ``before`` is called ahead of every start, also of a restart: it makes the ground ready and may
    raise ``OSError`` or ``RuntimeError`` with a message for the user.
    """

    name: str
    arguments: list[str]
    environment: Mapping[str, str] | None = None
    directory: Path | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    user: int | None = None
    before: Callable[[], None] = field(default=lambda: None)


class _Guard:
    """The guardian process of this process, started with the first child.

    It knows the same groups however often it has to be started.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None
        self._groups: dict[int, signal.Signals] = {}

    def add(self, group: int, gentle_signal: signal.Signals) -> None:
        """From now on the group ends with this process."""
        with self._lock:
            self._groups[group] = gentle_signal
            self._say(f"+{group} {int(gentle_signal)}")

    def remove(self, group: int) -> None:
        """The group has ended; its number may be somebody else's any time."""
        with self._lock:
            self._groups.pop(group, None)
            self._say(f"-{group}")

    def tend(self) -> None:
        """Starts the guardian again if it has ended."""
        with self._lock, suppress(OSError):  # no room for a process now: another time
            if self._groups and not self._runs():
                self._start()

    def _runs(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def _say(self, line: str) -> None:
        try:
            if self._process is not None and self._runs():
                print(line, file=self._process.stdin, flush=True)
            else:
                self._start()
        except OSError:
            self._drop()

    def _start(self) -> None:
        self._drop()
        self._process = subprocess.Popen(  # noqa: S603
            [sys.executable, "-I", "-S", guardian.__file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )
        lines = (f"+{group} {int(number)}\n" for group, number in self._groups.items())
        print("".join(lines), end="", file=self._process.stdin, flush=True)

    def _drop(self) -> None:
        if self._process is not None and self._process.stdin is not None:
            with suppress(BrokenPipeError):  # what it was to be told, the next one is told
                self._process.stdin.close()
            self._process.wait()
        self._process = None

    def close(self) -> None:
        """Ends the guardian, and with it every group that was not taken back."""
        with self._lock:
            self._drop()
            self._groups.clear()


guard = _Guard()
atexit.register(guard.close)


class Process:
    """One running child, the leader of a session and process group of its own.

    Args:
        launch: how to start it.
        log_directory: it writes to ``<name>.log`` there.
        log: one that has begun, and to which other runs may write, too; without it the process has
            its own, which ends with it.

    Raises:
        OSError: it cannot be started.
        RuntimeError: its ground cannot be made ready; the message is for the user.
    """

    def __init__(self, launch: Launch, log_directory: Path, log: LogFile | None = None) -> None:
        self.launch = launch
        self.log = log or LogFile(log_directory / f"{launch.name}.log")
        launch.before()
        self._child = subprocess.Popen(  # noqa: S603
            launch.arguments,
            env=launch.environment,
            cwd=launch.directory,
            user=launch.user,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            umask=OURS_ONLY,
        )
        self.pid = self._child.pid
        guard.add(self.pid, launch.stop_signal)
        self.started_at = time.monotonic()
        self._buried = False
        if log is None:
            self.log.begin()
        self._copier = self.log.copy(cast("IO[bytes]", self._child.stdout), then_end=log is None)

    def exit_code(self) -> int | None:
        """None while it runs. Once it has ended, nothing of its group is left either."""
        code = self._child.poll()
        if code is not None:
            self._bury()
        return code

    def stop(self, seconds: float = STOP_SECONDS) -> None:
        """Asks the process to end, and kills its whole group after ``seconds``."""
        if self._child.poll() is None:
            self._child.send_signal(self.launch.stop_signal)
        try:
            self._child.wait(max(seconds, 0))
        except subprocess.TimeoutExpired:
            guardian.send(self.pid, signal.SIGKILL)
            self._child.wait()
        self._bury()

    def wait_for_silence(self, seconds: float) -> None:
        """Returns when all that it said is with its log, or after ``seconds``."""
        self._copier.join(seconds)

    def last_lines(self, count: int = 5) -> str:
        """The end of its log, for a message to the user."""
        if self._child.poll() is not None:
            self.wait_for_silence(1)
            self.log.wait(1)
        try:
            text = self.log.path.read_text(encoding="utf-8", errors="replace")
        except OSError:
            return ""
        return "\n".join(text.splitlines()[-count:])

    def _bury(self) -> None:
        # Once only: later the number of the group may be somebody else's.
        if self._buried:
            return
        self._buried = True
        # A leader that was killed leaves its workers behind: they hold ports and locks.
        guardian.send(self.pid, signal.SIGKILL)
        guard.remove(self.pid)


def wait_until(answers: Callable[[], bool], process: Process, seconds: float) -> bool:
    """Whether ``answers()`` became true in time; False at once when the process ends before."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and process.exit_code() is None:
        if answers():
            return True
        time.sleep(POLL_SECONDS)
    return False


def stop_leftover(pid_file: Path, directory: Path, stop_signal: signal.Signals) -> None:
    """Ends a server that still runs on ``directory`` though its owner is gone.

    A process ID in a file may be stale and belong to anybody by now: only a process that works in
    that very directory is taken for the server. Any other makes the file stale, and it is removed.
    """
    import psutil  # comes with the embedded servers

    try:
        server = psutil.Process(int(pid_file.read_text().split()[0]))
        ours = Path(server.cwd()).resolve() == directory.resolve()
    except (OSError, ValueError, IndexError, psutil.Error):
        ours = False
    if ours:
        with suppress(psutil.NoSuchProcess):  # it has ended by itself meanwhile
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
    """This process's environment without the variables that begin with one of ``prefixes``."""
    return {name: value for name, value in os.environ.items() if not name.startswith(prefixes)}
