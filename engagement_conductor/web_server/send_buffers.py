"""How much waits to be sent to slow clients, of one and of all together."""

from collections.abc import Callable


class SendBuffers:
    """Counts the bytes that wait for slow clients, and ends the slowest when they are too many.

    Args:
        limit: bytes of all clients together.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._total = 0
        self._sizes: dict[Callable[[], None], int] = {}

    def add(self, disconnect: Callable[[], None], size: int) -> int:
        """Counts bytes that wait for a client; returns how many wait for it now.

        Args:
            disconnect: ends the client's connection; the client is known by it.
            size: bytes.
        """
        self._sizes[disconnect] = self._sizes.get(disconnect, 0) + size
        self._total += size
        while self._total > self._limit:
            slowest = max(self._sizes, key=self._sizes.__getitem__)
            self.remove(slowest)
            slowest()
        return self._sizes.get(disconnect, 0)

    def remove(self, disconnect: Callable[[], None]) -> None:
        """The client has read everything, or has gone."""
        self._total -= self._sizes.pop(disconnect, 0)

    def __len__(self) -> int:
        """Bytes of all clients together."""
        return self._total
