"""From the channel layer to this process's WebSockets: received once, collected, sent to each.

The scorer broadcasts a tick shard by shard and event by event. Hundreds of WebSockets that each
receive all of these messages themselves would keep a process busy for seconds.
"""

import asyncio
import contextlib
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Iterable
from typing import Any
from weakref import WeakKeyDictionary

from channels.layers import get_channel_layer

from dashboard.http.losses import losses
from dashboard.live.messages import Update, messages, read_update
from sessions_app.telemetry.counters import DROPPED_UPDATES, named
from sessions_app.telemetry.outages import SERVER_ERRORS

# What arrives within this time after the first update is sent together.
BATCH_SECONDS = 0.05
SECONDS_AFTER_FAILURE = 1.0

# Sends a message to one WebSocket.
Deliver = Callable[[str], Awaitable[None]]


class Relay:
    """Delivers the updates of groups to WebSockets; :func:`get_relay` has the one of the loop.

    Args:
        layer: the channel layer.
    """

    def __init__(self, layer: Any) -> None:
        self._layer = layer
        self._groups_of: dict[Deliver, frozenset[str]] = {}
        # By group: the WebSockets that want it.
        self._demand: Counter[str] = Counter()
        self._joined: set[str] = set()
        self._channel = ""
        self._receiving: asyncio.Task[None] | None = None
        self._delivery: asyncio.Task[None] | None = None
        self._batch: list[Update] = []
        self._lock = asyncio.Lock()

    async def join(self, deliver: Deliver, groups: Iterable[str]) -> None:
        """From now on a WebSocket is sent the updates of these groups, and of no others.

        Args:
            deliver: is called with each message, and must not block: the others wait for it.

        Raises:
            redis.RedisError: the channel layer cannot be reached; nothing has changed.
        """
        wanted = frozenset(groups)
        async with self._lock:
            await self._ensure_receiving()
            for group in (wanted | self._demand.keys()) - self._joined:
                await self._layer.group_add(group, self._channel)
                self._joined.add(group)
            self._change_demand(self._groups_of.get(deliver, frozenset()), wanted)
            self._groups_of[deliver] = wanted
            await self._leave_unwanted_groups()

    async def leave(self, deliver: Deliver) -> None:
        """A WebSocket is sent nothing more; after the last one nothing is left in the layer."""
        async with self._lock:
            self._change_demand(self._groups_of.pop(deliver, frozenset()), frozenset())
            await self._leave_unwanted_groups()
            if not self._groups_of:
                await self._stop()

    async def _ensure_receiving(self) -> None:
        if self._receiving is None or self._receiving.done():
            self._channel = await self._layer.new_channel()
            # The groups were joined by the channel before this one, if any.
            self._joined.clear()
            self._receiving = asyncio.create_task(self._receive())

    def _change_demand(self, before: frozenset[str], after: frozenset[str]) -> None:
        self._demand.update(after - before)
        self._demand.subtract(before - after)
        for group in before - after:
            if not self._demand[group]:
                del self._demand[group]

    async def _leave_unwanted_groups(self) -> None:
        for group in self._joined - self._demand.keys():
            self._joined.discard(group)
            # If it fails, the group's updates still arrive, and are delivered to nobody.
            with contextlib.suppress(*SERVER_ERRORS):
                await self._layer.group_discard(group, self._channel)

    async def _stop(self) -> None:
        for task in filter(None, (self._receiving, self._delivery)):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        self._receiving = self._delivery = None
        self._batch.clear()

    async def _receive(self) -> None:
        """Receives updates, and goes on whatever fails: nobody would start it again."""
        while True:
            try:
                message = await self._layer.receive(self._channel)
            except Exception as error:  # noqa: BLE001 - the next one may come
                losses.count(named(DROPPED_UPDATES, "receive"), repr(error))
                await asyncio.sleep(SECONDS_AFTER_FAILURE)
            else:
                self._add_to_batch(message)

    def _add_to_batch(self, message: Any) -> None:
        try:
            self._batch.append(read_update(message))
        except Exception as error:  # noqa: BLE001 - it may be anything
            # From a scorer of another release during an upgrade, or from another program.
            losses.count(named(DROPPED_UPDATES, "read"), repr(error))
            return
        if self._delivery is None:
            self._delivery = asyncio.create_task(self._deliver_batch())

    async def _deliver_batch(self) -> None:
        await asyncio.sleep(BATCH_SECONDS)
        self._delivery = None
        batch, self._batch = self._batch, []
        for groups, sockets in self._sockets_by_groups().items():
            try:
                texts = messages(update for update in batch if update.group in groups)
            except Exception as error:  # noqa: BLE001 - it concerns these groups only
                losses.count(named(DROPPED_UPDATES, "tell"), repr(error))
                continue
            for deliver in sockets:
                await _deliver_all(deliver, texts)

    def _sockets_by_groups(self) -> dict[frozenset[str], list[Deliver]]:
        """The WebSockets that are sent the same messages."""
        sockets: dict[frozenset[str], list[Deliver]] = defaultdict(list)
        for deliver, groups in self._groups_of.items():
            sockets[groups].append(deliver)
        return sockets


async def _deliver_all(deliver: Deliver, texts: list[str]) -> None:
    try:
        for text in texts:
            await deliver(text)
    except Exception as error:  # noqa: BLE001 - it concerns this WebSocket only
        losses.count(named(DROPPED_UPDATES, "tell"), repr(error))


_relays: WeakKeyDictionary[asyncio.AbstractEventLoop, Relay] = WeakKeyDictionary()


def get_relay() -> Relay:
    """The relay of the running loop."""
    loop = asyncio.get_running_loop()
    if loop not in _relays:
        _relays[loop] = Relay(get_channel_layer())
    return _relays[loop]
