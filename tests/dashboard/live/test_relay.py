"""One channel of the layer for all WebSockets of a process."""

import asyncio
import json
import logging
from collections.abc import Callable
from typing import Any

import pytest
import redis
from channels.layers import InMemoryChannelLayer

from dashboard.http.losses import Losses
from dashboard.live import relay
from dashboard.live.messages import Update, encode_items
from dashboard.live.relay import Relay, get_relay
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

    def send(self, group: str, session: int) -> None:
        items = encode_items([{"session": session}])
        self.queue.put_nowait(Update("points", group, "points", items, 1)._asdict())


class Screen:
    """A WebSocket that keeps the sessions of each message."""

    def __init__(self) -> None:
        self.received: list[list[int]] = []

    async def deliver(self, text: str) -> None:
        self.received.append([point["session"] for point in json.loads(text)["points"]])


async def until(is_true: Callable[[], object]) -> None:
    async with asyncio.timeout(5):
        while not is_true():
            await asyncio.sleep(0.005)


async def test_updates_within_a_moment_are_one_message_to_those_concerned() -> None:
    layer, one, both, none = Layer(), Screen(), Screen(), Screen()
    shared = Relay(layer)
    await shared.join(one.deliver, {"event.1"})
    await shared.join(both.deliver, {"event.1", "event.2"})
    await shared.join(none.deliver, set())
    assert (layer.groups, layer.channels) == ({"event.1", "event.2"}, 1)
    for group, session in (("event.1", 1), ("event.2", 2), ("event.1", 3)):
        layer.send(group, session)
    await until(lambda: both.received)
    assert (one.received, both.received, none.received) == ([[1, 3]], [[1, 2, 3]], [])
    layer.send("event.2", 4)
    await until(lambda: len(both.received) == 2)
    assert (one.received, both.received) == ([[1, 3]], [[1, 2, 3], [4]])


async def test_groups_are_left_with_their_last_socket() -> None:
    layer, first, second = Layer(), Screen(), Screen()
    shared = Relay(layer)
    await shared.join(first.deliver, {"event.1", "event.2"})
    await shared.join(second.deliver, {"event.2"})
    await shared.join(first.deliver, {"event.3"})
    assert layer.groups == {"event.2", "event.3"}
    layer.send("event.1", 1)
    layer.send("event.3", 3)
    await until(lambda: first.received)
    assert (first.received, second.received) == ([[3]], [])
    await shared.leave(first.deliver)
    assert (layer.groups, layer.channels) == ({"event.2"}, 1)
    await shared.leave(second.deliver)
    assert (layer.groups, layer.channels) == (set(), 0)

    await shared.join(first.deliver, {"event.2"})
    layer.send("event.2", 2)
    await until(lambda: len(first.received) == 2)
    assert first.received[1] == [2]


async def test_updates_for_a_socket_that_left_reach_nobody_else() -> None:
    layer, first, second = Layer(), Screen(), Screen()
    shared = Relay(layer)
    await shared.join(first.deliver, {"event.1"})
    layer.send("event.1", 1)
    await asyncio.sleep(0)
    await shared.leave(first.deliver)
    await shared.join(second.deliver, {"event.1"})
    layer.send("event.1", 2)
    await until(lambda: second.received)
    assert (first.received, second.received) == ([], [[2]])


async def test_a_broken_socket_does_not_stop_the_others(
    caplog: pytest.LogCaptureFixture,
) -> None:
    layer, screen = Layer(), Screen()
    shared = Relay(layer)

    async def fail(_: str) -> None:
        raise ValueError("closed long ago")

    await shared.join(fail, {"event.1"})
    await shared.join(screen.deliver, {"event.1"})
    with caplog.at_level(logging.WARNING):
        layer.send("event.1", 1)
        await until(lambda: screen.received)
    assert "closed long ago" in caplog.text


async def test_updates_of_another_release_are_ignored(caplog: pytest.LogCaptureFixture) -> None:
    layer, screen = Layer(), Screen()
    await Relay(layer).join(screen.deliver, {"event.1"})
    layer.queue.put_nowait({"type": "text.broadcast", "text": "{}"})
    layer.send("event.1", 1)
    await until(lambda: screen.received)
    assert screen.received == [[1]]
    assert "cannot be read" in caplog.text


async def test_an_error_of_the_layer_does_not_end_the_receiving(
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
    await Relay(layer).join(screen.deliver, {"event.1"})
    layer.queue.put_nowait({**Update("points", "event.1", "points", 7, 1)._asdict()})
    layer.send("event.1", 1)
    await asyncio.sleep(0.2)
    layer.send("event.1", 2)
    await until(lambda: [2] in screen.received)
    assert counted.take()[named(DROPPED_UPDATES, "receive")] == 2
    assert "cannot be received" in caplog.text


async def test_a_task_that_has_ended_is_started_again_with_all_groups() -> None:
    layer, first, second = InMemoryChannelLayer(), Screen(), Screen()
    receive, ends = layer.receive, [asyncio.CancelledError()]

    async def end_at_first(channel: str) -> Any:
        if ends:
            raise ends.pop()
        return await receive(channel)

    layer.receive = end_at_first
    shared = Relay(layer)
    await shared.join(first.deliver, {"event.1", "event.2"})
    await until(lambda: not ends)
    await shared.join(second.deliver, {"event.1"})
    for session, group in enumerate(("event.1", "event.2")):
        items = encode_items([{"session": session}])
        await layer.group_send(group, Update("points", group, "points", items, 1)._asdict())
    await until(lambda: first.received and second.received)
    assert (first.received, second.received) == ([[0, 1]], [[0]])
    await shared.leave(first.deliver)
    await shared.leave(second.deliver)


async def test_an_outage_is_raised_to_who_joins_but_not_to_who_leaves() -> None:
    layer, first, second = Layer(), Screen(), Screen()
    shared = Relay(layer)
    await shared.join(first.deliver, {"event.1"})
    layer.outage = redis.ConnectionError("away")
    with pytest.raises(redis.ConnectionError):
        await shared.join(second.deliver, {"event.2"})
    await shared.leave(second.deliver)
    await shared.leave(first.deliver)
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
async def test_an_unreadable_update_is_counted_and_stops_nothing(
    poison: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted = Losses()
    monkeypatch.setattr(relay, "losses", counted)
    layer, screen = Layer(), Screen()
    await Relay(layer).join(screen.deliver, {"event.1"})
    for session in (1, 2):
        layer.queue.put_nowait(poison)
        layer.send("event.1", session)
    await until(lambda: screen.received)
    assert screen.received == [[1, 2]]
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
    await Relay(layer).join(screen.deliver, {"event.1"})
    layer.send("event.1", 1)
    await until(lambda: screen.received)
    assert screen.received == [[1]]
