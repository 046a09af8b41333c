"""Keys that are loaded in batches, and work that is shared."""

import asyncio

import psycopg
import pytest
import redis
from django.db import OperationalError

from dashboard.live.batching import BatchLoader, SingleFlight


class Oracle:
    """Answers with the double, and remembers what it was asked at once."""

    def __init__(self) -> None:
        self.asked: list[list[int]] = []

    async def answer(self, numbers: list[int]) -> list[int]:
        self.asked.append(numbers)
        await asyncio.sleep(0)
        if 13 in numbers:
            raise ValueError("not that number")
        return [2 * number for number in numbers]


async def test_keys_within_a_moment_are_one_batch() -> None:
    oracle = Oracle()
    loader = BatchLoader(0.01, oracle.answer)
    assert await asyncio.gather(*(loader.load(n) for n in range(5))) == [0, 2, 4, 6, 8]
    assert oracle.asked == [[0, 1, 2, 3, 4]]
    assert await loader.load(7) == 14
    assert oracle.asked[1:] == [[7]]


async def test_a_key_that_comes_during_a_batch_is_loaded_after_it() -> None:
    oracle = Oracle()
    loader = BatchLoader(0.0, oracle.answer)
    first = asyncio.create_task(loader.load(1))
    while not oracle.asked:
        await asyncio.sleep(0)
    assert await loader.load(2) == 4
    assert await first == 2
    assert oracle.asked == [[1], [2]]


async def test_all_keys_that_come_during_a_batch_are_in_the_next() -> None:
    begun, done = [], asyncio.Event()

    async def answer(numbers: list[int]) -> list[int]:
        begun.append(numbers)
        await done.wait()
        return numbers

    loader = BatchLoader(0.0, answer)
    tasks = []
    for number in range(4):
        tasks.append(asyncio.create_task(loader.load(number)))
        await asyncio.sleep(0.01)
    assert begun == [[0]]
    done.set()
    assert await asyncio.gather(*tasks) == [0, 1, 2, 3]
    assert begun == [[0], [1, 2, 3]]


async def test_a_batch_has_a_largest_size() -> None:
    oracle = Oracle()
    loader = BatchLoader(0.01, oracle.answer, max_size=2)
    assert await asyncio.gather(*(loader.load(n) for n in range(5))) == [0, 2, 4, 6, 8]
    assert oracle.asked == [[0, 1], [2, 3], [4]]


async def test_a_batch_that_fails_does_not_stop_the_next() -> None:
    oracle = Oracle()
    loader = BatchLoader(0.01, oracle.answer, max_size=1)
    answers = await asyncio.gather(*(loader.load(n) for n in (13, 1)), return_exceptions=True)
    assert (type(answers[0]), answers[1]) == (ValueError, 2)


async def test_a_caller_who_is_cancelled_does_not_cancel_the_batch() -> None:
    oracle = Oracle()
    loader = BatchLoader(0.01, oracle.answer)
    gone, kept = (asyncio.create_task(loader.load(n)) for n in (1, 2))
    await asyncio.sleep(0)
    gone.cancel()
    assert await kept == 4


@pytest.mark.parametrize("bad", [[13], [0, 13], [13, 13, 13], [13, *range(40)], [13] * 9 + [1]])
async def test_an_error_is_raised_for_its_own_key_only(bad: list[int]) -> None:
    loader = BatchLoader(0.0, Oracle().answer)
    answers = await asyncio.gather(*map(loader.load, bad), return_exceptions=True)
    for number, answer in zip(bad, answers, strict=True):
        assert answer == 2 * number if number != 13 else isinstance(answer, ValueError)
    assert await loader.load(1) == 2


async def test_one_bad_key_among_many_costs_few_more_calls() -> None:
    oracle = Oracle()
    loader = BatchLoader(0.0, oracle.answer)
    numbers = [*range(12), 13, *range(14, 1_000)]
    await asyncio.gather(*map(loader.load, numbers), return_exceptions=True)
    assert len(oracle.asked) <= 21


async def test_load_may_return_an_error_for_a_key() -> None:
    async def answer(numbers: list[int]) -> list[int | Exception]:
        return [number or ValueError("zero") for number in numbers]

    loader = BatchLoader(0.0, answer)
    answers = await asyncio.gather(*map(loader.load, (0, 1)), return_exceptions=True)
    assert (type(answers[0]), answers[1]) == (ValueError, 1)


@pytest.mark.parametrize("outage", [OperationalError, redis.ConnectionError, ConnectionResetError])
async def test_an_outage_is_raised_to_all_at_once(outage: type[Exception]) -> None:
    asked = []

    async def answer(numbers: list[int]) -> list[int]:
        asked.append(numbers)
        raise outage("away")

    loader = BatchLoader(0.0, answer)
    answers = await asyncio.gather(*map(loader.load, range(9)), return_exceptions=True)
    assert {type(answer) for answer in answers} == {outage}
    assert len(asked) == 1


async def test_too_few_results_are_an_error() -> None:
    async def answer(numbers: list[int]) -> list[int]:
        return numbers[1:]

    with pytest.raises(RuntimeError, match="0 results for 1"):
        await BatchLoader(0.0, answer).load(1)


def test_another_loop_starts_a_batch_of_its_own() -> None:
    loader = BatchLoader(0.05, Oracle().answer)

    async def give_up() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(loader.load(1), 0.01)

    asyncio.run(give_up())
    assert asyncio.run(loader.load(2)) == 4


@pytest.mark.parametrize("cause", [psycopg.errors.QueryCanceled, psycopg.errors.DeadlockDetected])
async def test_a_key_that_takes_too_long_fails_half_of_its_batch(
    cause: type[psycopg.Error],
) -> None:
    asked: list[list[int]] = []

    async def answer(numbers: list[int]) -> list[int]:
        asked.append(numbers)
        if 13 in numbers:
            raise OperationalError("too long") from cause("too long")
        return numbers

    loader = BatchLoader(0.01, answer)
    numbers = [1, 2, 3, 4, 13, 6, 7, 8]
    answers = await asyncio.gather(*map(loader.load, numbers), return_exceptions=True)
    assert answers[:4] == numbers[:4]
    assert {type(answer) for answer in answers[4:]} == {OperationalError}
    assert asked == [numbers, numbers[:4], numbers[4:]], "each time costs as much"


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


async def ask(shared: SingleFlight, kitchen: Kitchen, key: str = "key") -> "asyncio.Task[str]":
    """A question that has been asked, and not yet been answered."""
    task = asyncio.create_task(shared.run(key, kitchen.cook))
    for _ in range(3):
        await asyncio.sleep(0)
    return task


async def test_who_asks_while_it_runs_shares_the_next_run() -> None:
    shared, kitchen = SingleFlight(), Kitchen()
    first = await ask(shared, kitchen)
    others = [await ask(shared, kitchen) for _ in range(50)]
    assert kitchen.begun == 1
    kitchen.done.set()
    assert await first == "dish 1"
    assert set(await asyncio.gather(*others)) == {"dish 2"}
    assert await (await ask(shared, kitchen)) == "dish 3"


async def test_other_keys_do_not_wait() -> None:
    shared, kitchen = SingleFlight(), Kitchen()
    tasks = [await ask(shared, kitchen, key) for key in ("one", "other")]
    assert kitchen.begun == 2
    kitchen.done.set()
    assert await asyncio.gather(*tasks) == ["dish 1", "dish 2"]


async def test_a_caller_who_is_cancelled_does_not_cancel_the_work() -> None:
    shared, kitchen = SingleFlight(), Kitchen()
    first, gone, patient = [await ask(shared, kitchen) for _ in range(3)]
    gone.cancel()
    kitchen.done.set()
    assert (await first, await patient) == ("dish 1", "dish 2")
    assert gone.cancelled()


async def test_a_failure_is_raised_to_all_and_not_kept() -> None:
    shared = SingleFlight()

    async def fail() -> str:
        raise OSError("no gas")

    answers = await asyncio.gather(
        *(shared.run("key", fail) for _ in range(3)), return_exceptions=True
    )
    assert [str(answer) for answer in answers] == ["no gas"] * 3
    with pytest.raises(OSError, match="no gas"):
        await shared.run("key", fail)
