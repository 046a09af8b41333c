"""Stopping a long-running command by a signal."""

import signal
import time
from types import FrameType

# Sleeps are short because Python resumes a sleep after a signal.
SLICE_SECONDS = 0.05


class StopSignal:
    """Records SIGINT and SIGTERM; a second signal kills the process.

    Attributes:
        number: the received signal, or 0.
    """

    def __init__(self) -> None:
        self.number = 0

    def install(self) -> None:
        """Installs the handlers; main thread only."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._note)

    def wait(self, seconds: float) -> bool:
        """Sleeps up to ``seconds``; returns whether to stop."""
        end = time.monotonic() + seconds
        while not self.number and (left := end - time.monotonic()) > 0:
            time.sleep(min(left, SLICE_SECONDS))
        return bool(self.number)

    @property
    def exit_code(self) -> int:
        """The exit code that shells expect after this signal; 0 without one."""
        return 128 + self.number if self.number else 0

    def _note(self, number: int, _frame: FrameType | None) -> None:
        self.number = number
        signal.signal(number, signal.SIG_DFL)
