"""Who may run at once, and whose turn it is."""

import asyncio

import pytest

from engagement_conductor.web_server.fair_semaphore import FairSemaphore, OverloadedError


class Work:
    """Blocks that run until they are told to finish."""

    def __init__(self, semaphore: FairSemaphore) -> None:
        self.semaphore = semaphore
        self.started: list[str] = []
        self.refused: list[str] = []
        self._finish = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self, *callers: str) -> None:
        self._tasks += [asyncio.create_task(self._run(caller)) for caller in callers]
        await asyncio.sleep(0.05)

    async def finish(self) -> None:
        self._finish.set()
        await asyncio.gather(*self._tasks)

    async def _run(self, caller: str) -> None:
        try:
            async with self.semaphore.acquire(caller):
                self.started.append(caller)
                await self._finish.wait()
        except OverloadedError:
            self.refused.append(caller)


async def test_who_asks_for_a_lot_queues_behind_themselves() -> None:
    work = Work(FairSemaphore(limit=3, per_caller=2, queue_per_caller=10, seconds=5))
    await work.start("greedy", "greedy", "greedy", "greedy", "polite")
    assert work.started == ["greedy", "greedy", "polite"]
    await work.start("late")
    assert len(work.started) == 3
    await work.finish()
    assert sorted(work.started) == ["greedy"] * 4 + ["late", "polite"]
    assert work.refused == []
    assert len(work.semaphore) == 0


async def test_a_full_queue_refuses_its_caller_alone() -> None:
    work = Work(FairSemaphore(limit=1, per_caller=1, queue_per_caller=2, seconds=5))
    await work.start("greedy", "greedy", "greedy", "polite")
    assert (work.started, work.refused) == (["greedy"], ["greedy"])
    await work.finish()
    assert sorted(work.started) == ["greedy", "greedy", "polite"]


@pytest.mark.parametrize("second", ["greedy", "polite"])
async def test_a_wait_that_takes_too_long_is_refused_and_leaves_nothing(second: str) -> None:
    work = Work(FairSemaphore(limit=1, per_caller=1, queue_per_caller=5, seconds=0.1))
    await work.start("greedy", second)
    await asyncio.sleep(0.3)
    assert (work.started, work.refused) == (["greedy"], [second])
    await work.finish()
    assert len(work.semaphore) == 0
    await work.start("third")
    assert work.started == ["greedy", "third"]


async def test_an_error_in_the_block_releases_its_turn() -> None:
    semaphore = FairSemaphore(limit=1, per_caller=1, queue_per_caller=1, seconds=1)
    for _ in range(2):
        with pytest.raises(ValueError, match="inside"):
            async with semaphore.acquire("caller"):
                raise ValueError("inside")
    assert len(semaphore) == 0


async def test_a_caller_who_gives_up_waiting_leaves_nothing() -> None:
    work = Work(FairSemaphore(limit=1, per_caller=1, queue_per_caller=5, seconds=5))
    await work.start("first", "second")
    work._tasks.pop().cancel()
    await work.finish()
    assert (work.started, len(work.semaphore)) == (["first"], 0)
    await work.start("third")
    assert work.started == ["first", "third"]
