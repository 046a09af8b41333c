"""One channel of the layer for all sockets of a process."""

import asyncio
import json
import logging
from collections.abc import Callable
from typing import Any

import pytest
import redis
from channels.layers import InMemoryChannelLayer

from dashboard.live import relay
from dashboard.live.messages import Update, encode_items
from dashboard.live.relay import Relay, get_relay
from dashboard.losses import Losses
from sessions_app.telemetry.counters import DROPPED_UPDATES, named


class Layer:
    """A channel layer in memory, which notes what is asked of it."""

    def __init__(self) -> None:
        self.groups: set[str] = set()
        self.queue: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.channels = 0
        self.outage: Exception | None = None

    async def new_channel(self) -> str:
        self.channels += 1
        return "channel"

    async def group_add(self, group: str, channel: str) -> None:
        await self._answer()
        self.groups.add(group)

    async def group_discard(self, group: str, channel: str) -> None:
        await self._answer()
        self.groups.discard(group)

    async def _answer(self) -> None:
        await asyncio.sleep(0)
        if self.outage:
            raise self.outage

    async def receive(self, channel: str) -> dict[str, Any]:
        try:
            return await self.queue.get()
        except asyncio.CancelledError:
            self.channels -= 1
            raise

    def tell(self, group: str, session: int) -> None:
        items = encode_items([{"session": session}])
        self.queue.put_nowait(Update("points", group, "points", items, 1)._asdict())


class Screen:
    """A socket that keeps the sessions of each message."""

    def __init__(self) -> None:
        self.told: list[list[int]] = []

    async def tell(self, text: str) -> None:
        self.told.append([point["session"] for point in json.loads(text)["points"]])


async def until(is_true: Callable[[], object]) -> None:
    async with asyncio.timeout(5):
        while not is_true():
            await asyncio.sleep(0.005)


async def test_what_comes_together_goes_out_together_to_those_concerned() -> None:
    layer, one, both, none = Layer(), Screen(), Screen(), Screen()
    passing = Relay(layer)
    await passing.join(one.tell, {"event.1"})
    await passing.join(both.tell, {"event.1", "event.2"})
    await passing.join(none.tell, set())
    assert (layer.groups, layer.channels) == ({"event.1", "event.2"}, 1)
    for group, session in (("event.1", 1), ("event.2", 2), ("event.1", 3)):
        layer.tell(group, session)
    await until(lambda: both.told)
    assert (one.told, both.told, none.told) == ([[1, 3]], [[1, 2, 3]], [])
    layer.tell("event.2", 4)
    await until(lambda: len(both.told) == 2)
    assert (one.told, both.told) == ([[1, 3]], [[1, 2, 3], [4]])


async def test_groups_are_left_when_nobody_looks_any_more() -> None:
    layer, first, second = Layer(), Screen(), Screen()
    passing = Relay(layer)
    await passing.join(first.tell, {"event.1", "event.2"})
    await passing.join(second.tell, {"event.2"})
    await passing.join(first.tell, {"event.3"})
    assert layer.groups == {"event.2", "event.3"}
    layer.tell("event.1", 1)
    layer.tell("event.3", 3)
    await until(lambda: first.told)
    assert (first.told, second.told) == ([[3]], [])
    await passing.leave(first.tell)
    assert (layer.groups, layer.channels) == ({"event.2"}, 1)
    await passing.leave(second.tell)
    assert (layer.groups, layer.channels) == (set(), 0)

    await passing.join(first.tell, {"event.2"})
    layer.tell("event.2", 2)
    await until(lambda: len(first.told) == 2)
    assert first.told[1] == [2]


async def test_what_was_gathered_for_one_who_left_is_told_to_nobody_else() -> None:
    layer, first, second = Layer(), Screen(), Screen()
    passing = Relay(layer)
    await passing.join(first.tell, {"event.1"})
    layer.tell("event.1", 1)
    await asyncio.sleep(0)
    await passing.leave(first.tell)
    await passing.join(second.tell, {"event.1"})
    layer.tell("event.1", 2)
    await until(lambda: second.told)
    assert (first.told, second.told) == ([], [[2]])


async def test_one_broken_socket_does_not_keep_the_others_waiting(
    caplog: pytest.LogCaptureFixture,
) -> None:
    layer, screen = Layer(), Screen()
    passing = Relay(layer)

    async def fail(_: str) -> None:
        raise ValueError("closed long ago")

    await passing.join(fail, {"event.1"})
    await passing.join(screen.tell, {"event.1"})
    with caplog.at_level(logging.WARNING):
        layer.tell("event.1", 1)
        await until(lambda: screen.told)
    assert "closed long ago" in caplog.text


async def test_what_another_version_says_is_left_out(caplog: pytest.LogCaptureFixture) -> None:
    layer, screen = Layer(), Screen()
    await Relay(layer).join(screen.tell, {"event.1"})
    layer.queue.put_nowait({"type": "text.broadcast", "text": "{}"})
    layer.tell("event.1", 1)
    await until(lambda: screen.told)
    assert screen.told == [[1]]
    assert "cannot be read" in caplog.text


async def test_what_fails_on_the_way_does_not_make_the_sockets_deaf(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(relay, "SECONDS_AFTER_FAILURE", 0.01)
    counted = Losses()
    monkeypatch.setattr(relay, "losses", counted)
    layer, screen = Layer(), Screen()
    receive, failures = layer.receive, [ValueError("no message"), redis.ConnectionError("away")]

    async def fail_at_first(channel: str) -> dict[str, Any]:
        if failures:
            raise failures.pop()
        return await receive(channel)

    layer.receive = fail_at_first
    await Relay(layer).join(screen.tell, {"event.1"})
    layer.queue.put_nowait({**Update("points", "event.1", "points", 7, 1)._asdict()})
    layer.tell("event.1", 1)
    await asyncio.sleep(0.2)
    layer.tell("event.1", 2)
    await until(lambda: [2] in screen.told)
    assert counted.take()[named(DROPPED_UPDATES, "receive")] == 2
    assert "cannot be received" in caplog.text


async def test_a_task_that_has_ended_is_begun_again_with_the_groups_of_all() -> None:
    layer, first, second = InMemoryChannelLayer(), Screen(), Screen()
    receive, ends = layer.receive, [asyncio.CancelledError()]

    async def end_at_first(channel: str) -> Any:
        if ends:
            raise ends.pop()
        return await receive(channel)

    layer.receive = end_at_first
    passing = Relay(layer)
    await passing.join(first.tell, {"event.1", "event.2"})
    await until(lambda: not ends)
    await passing.join(second.tell, {"event.1"})
    for session, group in enumerate(("event.1", "event.2")):
        items = encode_items([{"session": session}])
        await layer.group_send(group, Update("points", group, "points", items, 1)._asdict())
    await until(lambda: first.told and second.told)
    assert (first.told, second.told) == ([[0, 1]], [[0]])
    await passing.leave(first.tell)
    await passing.leave(second.tell)


async def test_an_outage_is_the_business_of_who_joins_not_of_who_leaves() -> None:
    layer, first, second = Layer(), Screen(), Screen()
    passing = Relay(layer)
    await passing.join(first.tell, {"event.1"})
    layer.outage = redis.ConnectionError("away")
    with pytest.raises(redis.ConnectionError):
        await passing.join(second.tell, {"event.2"})
    await passing.leave(second.tell)
    await passing.leave(first.tell)
    assert layer.channels == 0


async def test_a_loop_has_one_relay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relay, "get_channel_layer", Layer)
    assert get_relay() is get_relay()


@pytest.mark.parametrize(
    "poison",
    [
        {"type": "points"},
        {"type": "points", "group": "event.1", "field": "points", "items": b"{}", "now": 1},
        {"type": "points", "group": "event.1", "field": "points", "items": "{}", "now": None},
        {"type": "points", "group": ["event.1"], "field": "points", "items": "{}", "now": 1},
        ["points"],
        b"\x00",
        None,
        7,
    ],
)
async def test_what_cannot_be_read_stops_nothing_and_is_counted(
    poison: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted = Losses()
    monkeypatch.setattr(relay, "losses", counted)
    layer, screen = Layer(), Screen()
    await Relay(layer).join(screen.tell, {"event.1"})
    for session in (1, 2):
        layer.queue.put_nowait(poison)
        layer.tell("event.1", session)
    await until(lambda: screen.told)
    assert screen.told == [[1, 2]]
    assert counted.take() == {"dropped_updates:read": 2}


@pytest.mark.parametrize("error", [ValueError("no MessagePack"), redis.ConnectionError("away")])
async def test_a_layer_that_fails_once_goes_on(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay, "SECONDS_AFTER_FAILURE", 0.01)
    layer, screen = Layer(), Screen()
    receive, errors = layer.receive, [error]

    async def fail_once(channel: str) -> dict[str, Any]:
        if errors:
            raise errors.pop()
        return await receive(channel)

    monkeypatch.setattr(layer, "receive", fail_once)
    await Relay(layer).join(screen.tell, {"event.1"})
    layer.tell("event.1", 1)
    await until(lambda: screen.told)
    assert screen.told == [[1]]
