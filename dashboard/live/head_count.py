"""How many sockets each user has open in this process: one user must not take the room of all."""

from collections import Counter


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
