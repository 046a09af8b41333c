"""How long to wait before another attempt: twice as long after each failure, up to a limit."""


class Backoff:
    """The delays between attempts.

    Args:
        first: seconds after the first failure.
        longest: seconds that no delay exceeds.

    Attributes:
        delay: seconds before the next attempt.
    """

    def __init__(self, first: float = 0.1, longest: float = 5.0) -> None:
        self.delay = first
        self._first = first
        self._longest = longest

    def fail(self) -> None:
        """Notes that an attempt failed: the next delay is twice as long."""
        self.delay = min(self.delay * 2, self._longest)

    def reset(self) -> None:
        """Notes that an attempt succeeded: the next delay is the first one again."""
        self.delay = self._first
