"""Who may be inside at once, and whose turn it is."""

import asyncio

import pytest

from engagement_conductor.web_server.fair_semaphore import Gate, NoRoomError


class Room:
    """Callers who stay inside until they are let out."""

    def __init__(self, gate: Gate) -> None:
        self.gate = gate
        self.inside: list[str] = []
        self.refused: list[str] = []
        self._door = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    async def send(self, *callers: str) -> None:
        self._tasks += [asyncio.create_task(self._visit(caller)) for caller in callers]
        await asyncio.sleep(0.05)

    async def let_out(self) -> None:
        self._door.set()
        await asyncio.gather(*self._tasks)

    async def _visit(self, caller: str) -> None:
        try:
            async with self.gate.place(caller):
                self.inside.append(caller)
                await self._door.wait()
        except NoRoomError:
            self.refused.append(caller)


async def test_whoever_asks_for_much_waits_behind_himself() -> None:
    room = Room(Gate(most=3, of_one=2, waiting=10, seconds=5))
    await room.send("greedy", "greedy", "greedy", "greedy", "polite")
    assert room.inside == ["greedy", "greedy", "polite"]
    await room.send("late")
    assert len(room.inside) == 3
    await room.let_out()
    assert sorted(room.inside) == ["greedy"] * 4 + ["late", "polite"]
    assert room.refused == []
    assert len(room.gate) == 0


async def test_too_many_who_wait_are_refused() -> None:
    room = Room(Gate(most=1, of_one=1, waiting=2, seconds=5))
    await room.send("greedy", "greedy", "greedy", "polite")
    assert (room.inside, room.refused) == (["greedy"], ["greedy"])
    await room.let_out()
    assert sorted(room.inside) == ["greedy", "greedy", "polite"]


@pytest.mark.parametrize("second", ["greedy", "polite"])
async def test_whose_turn_does_not_come_is_refused_and_leaves_nothing(second: str) -> None:
    room = Room(Gate(most=1, of_one=1, waiting=5, seconds=0.1))
    await room.send("greedy", second)
    await asyncio.sleep(0.3)
    assert (room.inside, room.refused) == (["greedy"], [second])
    await room.let_out()
    assert len(room.gate) == 0
    await room.send("third")
    assert room.inside == ["greedy", "third"]


async def test_an_error_inside_makes_room() -> None:
    gate = Gate(most=1, of_one=1, waiting=1, seconds=1)
    for _ in range(2):
        with pytest.raises(ValueError, match="inside"):
            async with gate.place("caller"):
                raise ValueError("inside")
    assert len(gate) == 0
