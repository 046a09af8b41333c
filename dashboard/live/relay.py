"""From the channel layer to this process's sockets: received once for all, gathered, sent to each.

The scorer tells of a tick shard by shard and event by event. Hundreds of screens that take each of
these messages from the channel layer by themselves keep a process busy for seconds.
"""

import asyncio
import contextlib
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Iterable
from typing import Any
from weakref import WeakKeyDictionary

from channels.layers import get_channel_layer

from dashboard.live.messages import Update, messages, read_update
from dashboard.live.outages import UNAVAILABLE
from dashboard.losses import losses
from sessions_app.telemetry.counters import DROPPED_UPDATES, named

# What arrives within this time after the first update goes out together.
GATHERING_SECONDS = 0.05
SECONDS_AFTER_FAILURE = 1.0

Socket = Callable[[str], Awaitable[None]]


class Relay:
    """Tells sockets what their groups are told; use the one of the loop, :func:`get_relay`.

    Args:
        layer: the channel layer.
    """

    def __init__(self, layer: Any) -> None:
        self._layer = layer
        self._groups_of: dict[Socket, frozenset[str]] = {}
        self._wanted: Counter[str] = Counter()
        self._joined: set[str] = set()
        self._channel = ""
        self._receiving: asyncio.Task[None] | None = None
        self._passing: asyncio.Task[None] | None = None
        self._gathered: list[Update] = []
        self._changing = asyncio.Lock()

    async def join(self, socket: Socket, groups: Iterable[str]) -> None:
        """From now on the socket is told what these groups are told, and no others.

        Args:
            socket: is called with each message and must not wait: the others wait for it.

        Raises:
            redis.RedisError: the channel layer cannot be reached; nothing has changed.
        """
        wanted = frozenset(groups)
        async with self._changing:
            await self._listen()
            for group in (wanted | self._wanted.keys()) - self._joined:
                await self._layer.group_add(group, self._channel)
                self._joined.add(group)
            self._count(self._groups_of.get(socket, frozenset()), wanted)
            self._groups_of[socket] = wanted
            await self._leave_unwanted()

    async def leave(self, socket: Socket) -> None:
        """The socket is told nothing more; without sockets nothing is left in the layer."""
        async with self._changing:
            self._count(self._groups_of.pop(socket, frozenset()), frozenset())
            await self._leave_unwanted()
            if not self._groups_of:
                await self._stop()

    async def _listen(self) -> None:
        if self._receiving is None or self._receiving.done():
            self._channel = await self._layer.new_channel()
            # The groups know the channel before this one, if any.
            self._joined.clear()
            self._receiving = asyncio.create_task(self._receive())

    def _count(self, before: frozenset[str], after: frozenset[str]) -> None:
        self._wanted.update(after - before)
        self._wanted.subtract(before - after)
        for group in before - after:
            if not self._wanted[group]:
                del self._wanted[group]

    async def _leave_unwanted(self) -> None:
        for group in self._joined - self._wanted.keys():
            self._joined.discard(group)
            # What is still told of it meanwhile is passed on to nobody.
            with contextlib.suppress(*UNAVAILABLE):
                await self._layer.group_discard(group, self._channel)

    async def _stop(self) -> None:
        for task in filter(None, (self._receiving, self._passing)):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        self._receiving = self._passing = None
        self._gathered.clear()

    async def _receive(self) -> None:
        """Takes what the groups are told, whatever fails meanwhile: nobody else does."""
        while True:
            try:
                message = await self._layer.receive(self._channel)
            except Exception as error:  # noqa: BLE001 - the next one may come
                losses.count(named(DROPPED_UPDATES, "receive"), repr(error))
                await asyncio.sleep(SECONDS_AFTER_FAILURE)
            else:
                self._gather(message)

    def _gather(self, message: Any) -> None:
        try:
            self._gathered.append(read_update(message))
        except Exception as error:  # noqa: BLE001 - it may be anything
            # Of a scorer of another version, while it is being replaced; or of nobody of ours.
            losses.count(named(DROPPED_UPDATES, "read"), repr(error))
            return
        if self._passing is None:
            self._passing = asyncio.create_task(self._pass_on())

    async def _pass_on(self) -> None:
        await asyncio.sleep(GATHERING_SECONDS)
        self._passing = None
        gathered, self._gathered = self._gathered, []
        for groups, sockets in self._audiences().items():
            try:
                texts = messages(update for update in gathered if update.group in groups)
            except Exception as error:  # noqa: BLE001 - others may be told something else
                losses.count(named(DROPPED_UPDATES, "tell"), repr(error))
                continue
            for socket in sockets:
                await _tell(socket, texts)

    def _audiences(self) -> dict[frozenset[str], list[Socket]]:
        """The sockets that are told the same, together."""
        audiences: dict[frozenset[str], list[Socket]] = defaultdict(list)
        for socket, groups in self._groups_of.items():
            audiences[groups].append(socket)
        return audiences


async def _tell(socket: Socket, texts: list[str]) -> None:
    try:
        for text in texts:
            await socket(text)
    except Exception as error:  # noqa: BLE001 - it may be anything
        # It is the fault of this socket, not of those that are told after it.
        losses.count(named(DROPPED_UPDATES, "tell"), repr(error))


_relays: WeakKeyDictionary[asyncio.AbstractEventLoop, Relay] = WeakKeyDictionary()


def get_relay() -> Relay:
    """The relay of the running loop."""
    loop = asyncio.get_running_loop()
    if loop not in _relays:
        _relays[loop] = Relay(get_channel_layer())
    return _relays[loop]
