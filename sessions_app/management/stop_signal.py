"""Stopping a long-running command by a signal."""

import signal
import time
from types import FrameType

# Sleeps are that short because Python resumes one that a signal has interrupted.
SLICE_SECONDS = 0.05


class StopSignal:
    """Notes SIGINT and SIGTERM; the second one ends the process the hard way.

    Attributes:
        number: the signal that came, or 0.
    """

    def __init__(self) -> None:
        self.number = 0

    def install(self) -> None:
        """Takes over both signals; main thread only."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._note)

    def wait(self, seconds: float) -> bool:
        """Sleeps ``seconds``, or less if it is to stop, which it tells."""
        end = time.monotonic() + seconds
        while not self.number and (left := end - time.monotonic()) > 0:
            time.sleep(min(left, SLICE_SECONDS))
        return bool(self.number)

    @property
    def exit_code(self) -> int:
        """What a shell expects of a process that this signal has ended; 0 without one."""
        return 128 + self.number if self.number else 0

    def _note(self, number: int, _frame: FrameType | None) -> None:
        self.number = number
        signal.signal(number, signal.SIG_DFL)
