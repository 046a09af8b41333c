"""Work that many ask for at once."""

import asyncio

import pytest

from dashboard.live.sharing import SharedWork


class Kitchen:
    """Work that takes until it is told to be done, and counts how often it was begun."""

    def __init__(self) -> None:
        self.begun = 0
        self.done = asyncio.Event()

    async def cook(self) -> str:
        self.begun += 1
        number = self.begun
        await self.done.wait()
        return f"dish {number}"


async def ask(shared: SharedWork, kitchen: Kitchen, key: str = "key") -> "asyncio.Task[str]":
    """A question that has been asked, and not yet been answered."""
    task = asyncio.create_task(shared.result(key, kitchen.cook))
    for _ in range(3):
        await asyncio.sleep(0)
    return task


async def test_who_asks_during_the_work_shares_the_next_result() -> None:
    shared, kitchen = SharedWork(), Kitchen()
    first = await ask(shared, kitchen)
    others = [await ask(shared, kitchen) for _ in range(50)]
    assert kitchen.begun == 1
    kitchen.done.set()
    assert await first == "dish 1"
    assert set(await asyncio.gather(*others)) == {"dish 2"}
    assert await (await ask(shared, kitchen)) == "dish 3"


async def test_other_work_is_not_waited_for() -> None:
    shared, kitchen = SharedWork(), Kitchen()
    tasks = [await ask(shared, kitchen, key) for key in ("one", "other")]
    assert kitchen.begun == 2
    kitchen.done.set()
    assert await asyncio.gather(*tasks) == ["dish 1", "dish 2"]


async def test_who_goes_away_takes_nothing_from_the_others() -> None:
    shared, kitchen = SharedWork(), Kitchen()
    first, gone, patient = [await ask(shared, kitchen) for _ in range(3)]
    gone.cancel()
    kitchen.done.set()
    assert (await first, await patient) == ("dish 1", "dish 2")
    assert gone.cancelled()


async def test_a_failure_is_everybodys_and_the_next_time_is_another() -> None:
    shared = SharedWork()

    async def fail() -> str:
        raise OSError("no gas")

    answers = await asyncio.gather(
        *(shared.result("key", fail) for _ in range(3)), return_exceptions=True
    )
    assert [str(answer) for answer in answers] == ["no gas"] * 3
    with pytest.raises(OSError, match="no gas"):
        await shared.result("key", fail)
