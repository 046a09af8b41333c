"""A faulty network between the product and a server."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from engagement_conductor.local_stack import ports

CHUNK = 65_536


class Proxy(threading.Thread):
    """Forwards connections from its own port to another local port.

    Attributes:
        port: port it listens on.
    """

    def __init__(self, target: int) -> None:
        super().__init__(name=f"proxy of {target}", daemon=True)
        self.port = ports.find_free()
        self._target = target
        self._loop = asyncio.new_event_loop()
        self._flows = asyncio.Event()
        self._flows.set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._listening = threading.Event()

    def run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.create_task(self._listen())
        self._loop.run_forever()

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._take, ports.LOOPBACK, self.port)
        self._listening.set()

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._flows.wait()
        try:
            inner_reader, inner_writer = await asyncio.open_connection(ports.LOOPBACK, self._target)
        except OSError:
            writer.transport.abort()
            return
        self._writers |= {writer, inner_writer}
        try:
            await asyncio.gather(
                self._forward(reader, inner_writer), self._forward(inner_reader, writer)
            )
        finally:
            self._writers -= {writer, inner_writer}

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(CHUNK):
                await self._flows.wait()
                writer.write(data)
                await writer.drain()
        except OSError:
            writer.transport.abort()
        finally:
            writer.close()

    def cut(self) -> None:
        """Resets every open connection; new ones work."""
        self._loop.call_soon_threadsafe(self._abort_all)

    def _abort_all(self) -> None:
        for writer in self._writers:
            writer.transport.abort()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Forwards nothing until the block ends, without closing connections."""
        self._loop.call_soon_threadsafe(self._flows.clear)
        try:
            yield
        finally:
            self._loop.call_soon_threadsafe(self._flows.set)

    def __enter__(self) -> "Proxy":
        self.start()
        self._listening.wait()
        return self

    def __exit__(self, *exception: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self.join(timeout=10)
