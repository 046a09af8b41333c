"""A lower bound for serving a page: a server that answers every request with plain bytes."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from engagement_conductor.local_stack import ports


@contextmanager
def running_bare_pages(size: int) -> Iterator[int]:
    """Answers every request with ``size`` bytes until the block ends; yields its local port."""
    head = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % size
    answer = head + bytes(size)

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()
        writer.close()

    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    port = ports.find_free()
    started = asyncio.start_server(take, ports.LOOPBACK, port)
    server = asyncio.run_coroutine_threadsafe(started, loop).result()
    try:
        yield port
    finally:
        loop.call_soon_threadsafe(server.close)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
