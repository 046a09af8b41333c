"""How often somebody may ask for something that costs us work."""


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
