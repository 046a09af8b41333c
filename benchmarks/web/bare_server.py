"""A lower bound for broadcasting: a server that only writes bytes to sockets."""

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from engagement_conductor.local_stack import ports


class BareServer:
    """Writes the same frames to every connection."""

    def __init__(self) -> None:
        self.port = ports.find_free()
        self._writers: list[asyncio.StreamWriter] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        accept = asyncio.start_server(self._accept, ports.LOOPBACK, self.port)
        self._server = asyncio.run_coroutine_threadsafe(accept, self._loop).result()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        with contextlib.suppress(ConnectionError):
            await reader.read()
        writer.close()

    def send(self, frames: list[bytes]) -> None:
        """Starts writing; returns at once."""
        self._loop.call_soon_threadsafe(self._write, frames)

    def _write(self, frames: list[bytes]) -> None:
        for frame in frames:
            for writer in self._writers:
                writer.write(frame)

    def stop(self) -> None:
        """Stops the server, after the clients have closed their connections."""
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _close(self) -> None:
        self._server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        await asyncio.wait(others or {asyncio.create_task(asyncio.sleep(0))}, timeout=5)


@contextmanager
def running_bare_server() -> Iterator[BareServer]:
    """Serves until the block ends."""
    server = BareServer()
    try:
        yield server
    finally:
        server.stop()
