"""What many ask for within a moment is asked for once, for all of them."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Sequence
from typing import Any, Generic, TypeVar

from sessions_app.telemetry.outages import is_outage, may_be_of_one_item

Item = TypeVar("Item")
Result = TypeVar("Result")


class Together(Generic[Item, Result]):
    """Gathers what is asked for, and has it answered in one go.

    One round is answered at a time. Who asks meanwhile is in the next: the more there is to do, the
    more of it is done together. What cannot be answered is told to whom it belongs, and to nobody
    else.

    Args:
        seconds: for how long to gather at least, from the first that asks.
        answer: gives a result for each of the items, in their order, or the error of that item.
            Where it fails as a whole, and not for an outage, it is asked again for fewer of them;
            where it takes too long, or meets another in a deadlock, once, as each time costs as
            much.
        most: items of one round.
    """

    def __init__(
        self,
        seconds: float,
        answer: Callable[[list[Item]], Awaitable[Sequence[Result | Exception]]],
        most: int = 1_000,
    ) -> None:
        self._seconds = seconds
        self._answer = answer
        self._most = most
        self._items: list[Item] = []
        self._gathering: asyncio.Task[Sequence[Result | Exception]] | None = None
        self._latest: asyncio.Task[Sequence[Result | Exception]] | None = None

    async def result(self, item: Item) -> Result:
        """The answer for ``item``, found after this was called.

        Raises:
            Exception: what finding this answer raises; of an outage, all who are in it together.
        """
        gathering = self._gathering
        if gathering is None or not _is_of_this_loop(gathering) or len(self._items) >= self._most:
            self._items = []
            gathering = asyncio.create_task(self._do(self._items, self._latest))
            self._gathering = self._latest = gathering
        place = len(self._items)
        self._items.append(item)
        # Somebody who goes away does not take the answer from the others.
        outcome = (await asyncio.shield(gathering))[place]
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    async def _do(
        self, items: list[Item], before: "asyncio.Task[Sequence[Result | Exception]] | None"
    ) -> Sequence[Result | Exception]:
        await asyncio.sleep(self._seconds)
        if before is not None and _is_of_this_loop(before):
            await asyncio.wait([before])
        if self._items is items:
            self._gathering = None
        return await self._outcomes(items)

    async def _outcomes(
        self, items: list[Item], was_slow: bool = False
    ) -> Sequence[Result | Exception]:
        """A result or an error for each: by halves, if one of them spoils the answer for all."""
        try:
            outcomes = await self._answer(items)
            if len(outcomes) != len(items):
                raise RuntimeError(f"{len(outcomes)} answers to {len(items)} questions")
            return outcomes
        except Exception as error:  # noqa: BLE001 - it goes to whom it belongs
            is_slow = may_be_of_one_item(error)
            if len(items) == 1 or (was_slow if is_slow else is_outage(error)):
                return [error] * len(items)
        middle, was_slow = len(items) // 2, was_slow or is_slow
        first = await self._outcomes(items[:middle], was_slow)
        return [*first, *await self._outcomes(items[middle:], was_slow)]


def _is_of_this_loop(task: "asyncio.Task[Any]") -> bool:
    return task.get_loop() is asyncio.get_running_loop()


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
