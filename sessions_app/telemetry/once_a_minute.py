"""Rate-limited logging: repeated lines once a minute, with the number of suppressed ones."""

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Hashable, Iterable
from typing import Any, NamedTuple

SECONDS = 60.0
# Kinds come from our own code, but errors may vary: beyond this, the oldest are forgotten.
MAXIMUM_KINDS = 1_000


class OnceAMinute:
    """Lets one line of each kind pass per minute, and counts the others.

    Args:
        seconds: minimum time between two lines of a kind.
        clock: monotonic seconds.
    """

    def __init__(
        self, seconds: float = SECONDS, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._seconds = seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._passed: dict[Hashable, tuple[float, int]] = {}

    def left_out(self, kind: Hashable) -> int | None:
        """Lines of the kind suppressed since the last one; None if this one is suppressed, too."""
        now = self._clock()
        with self._lock:
            passed_at, count = self._passed.get(kind, (float("-inf"), 0))
            if now - passed_at < self._seconds:
                self._passed[kind] = (passed_at, count + 1)
                return None
            self._passed.pop(kind, None)
            if len(self._passed) >= MAXIMUM_KINDS:
                self._passed.pop(next(iter(self._passed)))
            self._passed[kind] = (now, 0)
            return count


class Summary(NamedTuple):
    """What is said of a minute.

    Attributes:
        total: how many there were in all.
        kind: the most frequent one.
        times: how often it was.
    """

    total: int
    kind: Any
    times: int


class MinuteSummary:
    """Counts by kind, and sums up once a minute.

    Args:
        clock: seconds that never go back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._kinds: Counter[Hashable] = Counter()
        self._told_at = float("-inf")

    def add(self, kinds: Iterable[Hashable]) -> None:
        """Counts each of them."""
        self._kinds.update(kinds)
        # Kinds may quote what somebody posted: without a bound, hostile ones would fill the memory.
        if len(self._kinds) > MAXIMUM_KINDS:
            self._kinds = Counter(dict(self._kinds.most_common(MAXIMUM_KINDS // 10)))

    def due(self) -> Summary | None:
        """The summary, if there is something to say and the last one is a minute old."""
        now = self._clock()
        if not self._kinds or now - self._told_at < SECONDS:
            return None
        summary = Summary(self._kinds.total(), *self._kinds.most_common(1)[0])
        self._kinds.clear()
        self._told_at = now
        return summary


_lines = OnceAMinute()


def log_once_a_minute(logger: logging.Logger, level: int, text: str, *values: object) -> None:
    """Logs a line, unless one with the same words was logged within the last minute.

    Args:
        level: of :mod:`logging`.
        text: a constant format string for the ``values``.
    """
    left_out = _lines.left_out((logger.name, text))
    if left_out is not None:
        logger.log(level, "%s", with_count(text % values, left_out))


def with_count(message: str, left_out: int) -> str:
    """The message, with the number of suppressed ones."""
    return f"{message} ({left_out} more like it since the last line)" if left_out else message
