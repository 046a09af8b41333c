"""Work that many ask for within a moment is done once for all of them."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Sequence
from typing import Any, Generic, TypeVar

from sessions_app.telemetry.outages import is_outage, may_be_of_one_item

Key = TypeVar("Key")
Result = TypeVar("Result")


class BatchLoader(Generic[Key, Result]):
    """Collects keys and loads them in batches, as a DataLoader does, but without a cache.

    One batch is loaded at a time, and keys that come meanwhile are in the next: the higher the
    load, the larger the batches. Each caller gets the result or the error of their own key.

    Args:
        seconds: how long a batch is collected at least, from its first key.
        load: returns for each key, in order, its result or its error. If it raises instead, it is
            called again for each half of the keys, and so on until the key at fault is alone. An
            outage is raised to all at once. After a timeout or a deadlock the batch is halved only
            once, as each attempt takes as long again.
        max_size: keys of one batch.
    """

    def __init__(
        self,
        seconds: float,
        load: Callable[[list[Key]], Awaitable[Sequence[Result | Exception]]],
        max_size: int = 1_000,
    ) -> None:
        self._seconds = seconds
        self._load = load
        self._max_size = max_size
        self._keys: list[Key] = []
        # The batch that is being collected, and the one that was begun last.
        self._open: asyncio.Task[Sequence[Result | Exception]] | None = None
        self._latest: asyncio.Task[Sequence[Result | Exception]] | None = None

    async def load(self, key: Key) -> Result:
        """The result for a key, loaded after this was called.

        Raises:
            Exception: the error of this key, or an outage that concerns the whole batch.
        """
        batch = self._open
        if batch is None or not _is_of_this_loop(batch) or len(self._keys) >= self._max_size:
            self._keys = []
            batch = asyncio.create_task(self._run(self._keys, self._latest))
            self._open = self._latest = batch
        index = len(self._keys)
        self._keys.append(key)
        # A caller who is cancelled must not cancel the batch.
        result = (await asyncio.shield(batch))[index]
        if isinstance(result, Exception):
            raise result
        return result

    async def _run(
        self, keys: list[Key], previous: "asyncio.Task[Sequence[Result | Exception]] | None"
    ) -> Sequence[Result | Exception]:
        await asyncio.sleep(self._seconds)
        if previous is not None and _is_of_this_loop(previous):
            await asyncio.wait([previous])
        if self._keys is keys:
            self._open = None
        return await self._load_or_split(keys)

    async def _load_or_split(
        self, keys: list[Key], was_slow: bool = False
    ) -> Sequence[Result | Exception]:
        """A result or an error for each key."""
        try:
            results = await self._load(keys)
            if len(results) != len(keys):
                raise RuntimeError(f"{len(results)} results for {len(keys)} keys")
            return results
        except Exception as error:  # noqa: BLE001 - it is raised to those whose key it is
            is_slow = may_be_of_one_item(error)
            if len(keys) == 1 or (was_slow if is_slow else is_outage(error)):
                return [error] * len(keys)
        middle, was_slow = len(keys) // 2, was_slow or is_slow
        first = await self._load_or_split(keys[:middle], was_slow)
        return [*first, *await self._load_or_split(keys[middle:], was_slow)]


def _is_of_this_loop(task: "asyncio.Task[Any]") -> bool:
    return task.get_loop() is asyncio.get_running_loop()


class SingleFlight:
    """Does work once for all who ask for it with the same key.

    Other than in Go's ``singleflight``, who asks while it runs shares the next run and not the
    current one: no result is older than the question, and a crowd costs two runs at most.
    """

    def __init__(self) -> None:
        self._running: dict[Hashable, asyncio.Task[str]] = {}
        self._next: dict[Hashable, asyncio.Task[str]] = {}

    async def run(self, key: Hashable, work: Callable[[], Awaitable[str]]) -> str:
        """What ``work`` returns, begun after this was called.

        Args:
            key: of the work; the same key means the same work.

        Raises:
            Exception: what ``work`` raises, to all who share it.
        """
        if key not in self._next:
            self._next[key] = asyncio.create_task(self._run(key, work))
        # A caller who is cancelled must not cancel the work.
        return await asyncio.shield(self._next[key])

    async def _run(self, key: Hashable, work: Callable[[], Awaitable[str]]) -> str:
        if key in self._running:
            await asyncio.wait([self._running[key]])
        self._running[key] = self._next.pop(key)
        try:
            return await work()
        finally:
            del self._running[key]
