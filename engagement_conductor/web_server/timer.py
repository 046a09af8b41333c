"""A timeout that is started and stopped again and again."""

from collections.abc import Callable
from typing import Any


class Timer:
    """Calls a function once it has run for a time.

    Args:
        reactor: of Twisted.
        seconds: how long.
        expired: the function.
    """

    def __init__(self, reactor: Any, seconds: float, expired: Callable[[], None]) -> None:
        self._reactor = reactor
        self._seconds = seconds
        self._expired = expired
        self._call: Any = None

    @property
    def running(self) -> bool:
        return self._call is not None and self._call.active()

    def start(self) -> None:
        """Starts it, unless it is running."""
        if not self.running:
            self._call = self._reactor.callLater(self._seconds, self._expired)

    def stop(self) -> None:
        """Stops it, if it is running."""
        if self.running:
            self._call.cancel()
