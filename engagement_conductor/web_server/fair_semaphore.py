"""A semaphore that no single caller can exhaust."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass


class OverloadedError(Exception):
    """The caller has too many waiting already, or did not get its turn in time."""


@dataclass
class _Caller:
    semaphore: asyncio.Semaphore
    count: int = 0


class FairSemaphore:
    """Limits concurrency in all and per caller: who asks for a lot queues behind themselves.

    Args:
        limit: blocks that may run at once.
        per_caller: of these, how many of one caller.
        queue_per_caller: blocks of one caller that may run or wait.
        seconds: longest wait for a turn.
    """

    def __init__(self, limit: int, per_caller: int, queue_per_caller: int, seconds: float) -> None:
        self._semaphore = asyncio.Semaphore(limit)
        self._per_caller = per_caller
        self._queue_per_caller = queue_per_caller
        self._seconds = seconds
        self._callers: dict[str, _Caller] = {}

    @asynccontextmanager
    async def acquire(self, caller: str) -> AsyncIterator[None]:
        """Waits for a turn, and holds it for the length of the block.

        Raises:
            OverloadedError: too many of this caller run or wait, or the wait took too long.
        """
        own = self._callers.setdefault(caller, _Caller(asyncio.Semaphore(self._per_caller)))
        if own.count >= self._queue_per_caller:
            raise OverloadedError
        own.count += 1
        try:
            async with AsyncExitStack() as held:
                try:
                    async with asyncio.timeout(self._seconds):
                        await held.enter_async_context(own.semaphore)
                        await held.enter_async_context(self._semaphore)
                except TimeoutError:
                    raise OverloadedError from None
                yield
        finally:
            own.count -= 1
            if not own.count:
                del self._callers[caller]

    def __len__(self) -> int:
        """Callers that run or wait."""
        return len(self._callers)
