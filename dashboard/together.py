"""What many ask for within a moment is asked for once, for all of them."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


class Together(Generic[Item, Result]):
    """Gathers what is asked for, and has it answered in one go.

    Args:
        seconds: for how long to gather, from the first that asks.
        answer: gives a result for each of the items, in their order.
    """

    def __init__(
        self, seconds: float, answer: Callable[[list[Item]], Awaitable[Sequence[Result]]]
    ) -> None:
        self._seconds = seconds
        self._answer = answer
        self._items: list[Item] = []
        self._round: asyncio.Task[Sequence[Result]] | None = None

    async def result(self, item: Item) -> Result:
        """The answer for ``item``, found after this was called.

        Raises:
            Exception: what finding the answers raises, for all who are in it together.
        """
        if self._round is None or self._round.get_loop() is not asyncio.get_running_loop():
            self._items = []
            self._round = asyncio.create_task(self._do())
        place = len(self._items)
        self._items.append(item)
        # Somebody who goes away does not take the answer from the others.
        return (await asyncio.shield(self._round))[place]

    async def _do(self) -> Sequence[Result]:
        await asyncio.sleep(self._seconds)
        items, self._round = self._items, None
        return await self._answer(items)
