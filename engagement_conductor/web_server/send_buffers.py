"""How much was sent to clients that do not read it."""

from collections.abc import Callable


class Unread:
    """Bytes that wait for slow clients: those of each, and of all together.

    Args:
        most: bytes of all; past that, whoever has let wait the most is given up.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._total = 0
        self._waiting: dict[Callable[[], None], int] = {}

    def add(self, client: Callable[[], None], size: int) -> int:
        """Counts ``size`` more bytes for a client; returns how many wait for it.

        Args:
            client: ends its connection when called.
        """
        self._waiting[client] = self._waiting.get(client, 0) + size
        self._total += size
        while self._total > self._most:
            slowest = max(self._waiting, key=self._waiting.__getitem__)
            self.forget(slowest)
            slowest()
        return self._waiting.get(client, 0)

    def forget(self, client: Callable[[], None]) -> None:
        """Everything was read, or the client is gone."""
        self._total -= self._waiting.pop(client, 0)

    def __len__(self) -> int:
        return self._total
