"""So many at once, and so many of one caller: the others wait for their turn, or are refused."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass


class NoRoomError(Exception):
    """There are too many, or the turn did not come in time."""


@dataclass
class _Caller:
    room: asyncio.Semaphore
    present: int = 0


class Gate:
    """Whoever asks for much waits behind himself and not before others.

    Args:
        most: how many may be inside at once.
        of_one: how many of one caller.
        waiting: how many of one caller may be inside or wait.
        seconds: how long one waits at most.
    """

    def __init__(self, most: int, of_one: int, waiting: int, seconds: float) -> None:
        self._room = asyncio.Semaphore(most)
        self._of_one = of_one
        self._waiting = waiting
        self._seconds = seconds
        self._callers: dict[str, _Caller] = {}

    @asynccontextmanager
    async def place(self, caller: str) -> AsyncIterator[None]:
        """Inside while the block lasts.

        Raises:
            NoRoomError: too many of this caller wait already, or it took too long.
        """
        known = self._callers.setdefault(caller, _Caller(asyncio.Semaphore(self._of_one)))
        if known.present >= self._waiting:
            raise NoRoomError
        known.present += 1
        try:
            async with AsyncExitStack() as inside:
                await self._enter(inside, known)
                yield
        finally:
            known.present -= 1
            if not known.present:
                del self._callers[caller]

    async def _enter(self, inside: AsyncExitStack, known: _Caller) -> None:
        try:
            async with asyncio.timeout(self._seconds):
                await inside.enter_async_context(known.room)
                await inside.enter_async_context(self._room)
        except TimeoutError:
            raise NoRoomError from None

    def __len__(self) -> int:
        """How many callers are inside or wait."""
        return len(self._callers)
