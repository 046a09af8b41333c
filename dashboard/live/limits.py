"""How much one user may use: work that their pages ask for, and WebSockets that are open."""

from collections import Counter


class TokenBucket:
    """Lets a burst of requests pass, and after that one per ``seconds``.

    Args:
        burst: requests that may come at once.
        seconds: until one more may come.
        now: seconds of any clock that only goes forward.
    """

    def __init__(self, burst: int, seconds: float, now: float) -> None:
        self._burst = burst
        self._seconds = seconds
        self._tokens = float(burst)
        self._refilled_at = now

    def take(self, now: float) -> bool:
        """Whether a request may pass at ``now``; if so, its token is taken."""
        gained = (now - self._refilled_at) / self._seconds
        self._tokens = min(self._burst, self._tokens + gained)
        self._refilled_at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


class KeyedLimit:
    """Limits how many of each key there are at once; a key of which there is none takes no memory.

    Args:
        limit: of each key.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._counts: Counter[int] = Counter()

    def acquire(self, key: int) -> bool:
        """Counts one more; False if there are as many as there may be."""
        if self._counts[key] >= self._limit:
            return False
        self._counts[key] += 1
        return True

    def release(self, key: int) -> None:
        """Counts one less."""
        self._counts[key] -= 1
        if self._counts[key] <= 0:
            del self._counts[key]

    def __len__(self) -> int:
        """Keys of which there is at least one."""
        return len(self._counts)
