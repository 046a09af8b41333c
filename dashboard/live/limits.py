"""How much one user may ask of us: requests that cost work, and open sockets."""

from collections import Counter


class Allowance:
    """A token bucket: a few requests at once, and after that one per ``seconds``.

    Args:
        burst: how many may come at once.
        seconds: after which time one more may.
        now: the present, in seconds of any clock that only goes forward.
    """

    def __init__(self, burst: int, seconds: float, now: float) -> None:
        self.burst = burst
        self.seconds = seconds
        self._left = float(burst)
        self._counted_at = now

    def take(self, now: float) -> bool:
        """Whether one more request may be answered at ``now``; if so, it is used up."""
        gained = (now - self._counted_at) / self.seconds
        self._left = min(self.burst, self._left + gained)
        self._counted_at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True


class HeadCount:
    """Counts up to a limit for each name, and remembers nobody who has left.

    Args:
        most: for each.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._open: Counter[int] = Counter()

    def enter(self, name: int) -> bool:
        """Counts one more; False where there is no room."""
        if self._open[name] >= self._most:
            return False
        self._open[name] += 1
        return True

    def leave(self, name: int) -> None:
        """Counts one less."""
        self._open[name] -= 1
        if self._open[name] <= 0:
            del self._open[name]

    def __len__(self) -> int:
        return len(self._open)
