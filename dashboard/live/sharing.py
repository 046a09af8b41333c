"""The same work, asked for by many at once, is done for all of them together."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable


class SharedWork:
    """Who asks while the work is being done shares the next result with all others who do.

    So a result is never older than the question, and a crowd costs at most two rounds.
    """

    def __init__(self) -> None:
        self._running: dict[Hashable, asyncio.Task[str]] = {}
        self._next: dict[Hashable, asyncio.Task[str]] = {}

    async def result(self, key: Hashable, work: Callable[[], Awaitable[str]]) -> str:
        """What ``work`` returns, begun after this was called; it is the same work for the same key.

        Raises:
            Exception: what ``work`` raises, for all who share it.
        """
        if key not in self._next:
            self._next[key] = asyncio.create_task(self._do(key, work))
        # Somebody who goes away does not take the work from the others.
        return await asyncio.shield(self._next[key])

    async def _do(self, key: Hashable, work: Callable[[], Awaitable[str]]) -> str:
        if key in self._running:
            await asyncio.wait([self._running[key]])
        self._running[key] = self._next.pop(key)
        try:
            return await work()
        finally:
            del self._running[key]
