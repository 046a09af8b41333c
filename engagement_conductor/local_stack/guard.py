"""The owner's side of the guardian: keeps it running, and tells it which process groups to end."""

import atexit
import signal
import subprocess
import sys
import threading
from contextlib import suppress

from engagement_conductor.local_stack import guardian


class Guard:
    """The guardian of this process, started together with the first child.

    A guardian that dies is replaced, and its successor gets the complete list of groups.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None
        self._groups: dict[int, signal.Signals] = {}

    def add(self, group: int, stop_signal: signal.Signals) -> None:
        """Registers a process group, to be ended when this process dies."""
        with self._lock:
            self._groups[group] = stop_signal
            self._send(f"+{group} {int(stop_signal)}")

    def remove(self, group: int) -> None:
        """Unregisters a group that has ended: the system may reuse its number at any time."""
        with self._lock:
            self._groups.pop(group, None)
            self._send(f"-{group}")

    def restart_if_dead(self) -> None:
        """Starts a new guardian if the current one has died."""
        with self._lock, suppress(OSError):  # out of processes or memory: the next call retries
            if self._groups and not self._is_running():
                self._start()

    def close(self) -> None:
        """Ends the guardian, and with it every group that is still registered."""
        with self._lock:
            self._close_process()
            self._groups.clear()

    def _is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def _send(self, line: str) -> None:
        try:
            if self._process is not None and self._is_running():
                print(line, file=self._process.stdin, flush=True)
            else:
                self._start()
        except OSError:
            self._close_process()

    def _start(self) -> None:
        self._close_process()
        self._process = subprocess.Popen(  # noqa: S603
            [sys.executable, "-I", "-S", guardian.__file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )
        lines = (f"+{group} {int(number)}\n" for group, number in self._groups.items())
        print("".join(lines), end="", file=self._process.stdin, flush=True)

    def _close_process(self) -> None:
        if self._process is not None and self._process.stdin is not None:
            with suppress(BrokenPipeError):  # its successor gets the unsent lines
                self._process.stdin.close()
            self._process.wait()
        self._process = None


guard = Guard()
atexit.register(guard.close)
