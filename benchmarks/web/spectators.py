"""Many screens in a separate process: real WebSockets that record when they are current.

Frames are searched rather than parsed, so that the spectators hardly affect the measurement.
"""

import asyncio
import base64
import multiprocessing
import os
import re
import struct
import time
from multiprocessing.connection import Connection
from typing import Any, NamedTuple

from engagement_conductor.local_stack.ports import LOOPBACK

CONCURRENT_OPENINGS = 20
TIMEOUT_SECONDS = 60
OPENING_TIMEOUT_SECONDS = 300
POINTS = b'{"type":"points"'
POINT = b'"session":'
PING, PONG = 9, 10
NO_MASK = bytes(4)
TIME = re.compile(rb'"time":(\d+)')

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Screen(NamedTuple):
    """One screen.

    Attributes:
        request: request that opens the WebSocket; empty if the server needs no handshake.
        points: number of points of a tick that make it current.
    """

    request: bytes
    points: int


class Spectators:
    """A process with many screens; the constructor returns when all are connected.

    Args:
        port: local port of the server.

    Attributes:
        opening_seconds: time until the last screen had its snapshot.
    """

    def __init__(self, port: int, screens: list[Screen]) -> None:
        self._pipe, theirs = multiprocessing.Pipe()
        context = multiprocessing.get_context("fork")
        self._process = context.Process(target=_watch, args=(port, screens, theirs), daemon=True)
        started = time.monotonic()
        self._process.start()
        self._receive(OPENING_TIMEOUT_SECONDS)
        self.opening_seconds = time.monotonic() - started

    def current_at(self, tick_ms: int) -> list[float]:
        """When each screen had the last point of a tick, on the monotonic clock, sorted."""
        self._pipe.send(tick_ms)
        return self._receive()

    def _receive(self, seconds: float = TIMEOUT_SECONDS) -> Any:
        if not self._pipe.poll(seconds):
            raise AssertionError(f"the screens are not current after {seconds:g} s")
        return self._pipe.recv()

    def stop(self) -> None:
        self._process.kill()
        self._process.join()
        self._pipe.close()


class _Watcher:
    """Counts the points of every tick, and records when it has all of them."""

    def __init__(self, streams: Streams, points: int) -> None:
        self._streams = streams
        self._wanted = points
        self._points: dict[int, int] = {}
        self.current_at: dict[int, float] = {}

    async def watch(self) -> None:
        while True:
            text = await _next_text(self._streams)
            if not text.startswith(POINTS):
                continue
            tick = int(TIME.search(text)[1])  # type: ignore[index]
            self._points[tick] = self._points.get(tick, 0) + text.count(POINT)
            if self._points[tick] >= self._wanted:
                self.current_at.setdefault(tick, time.monotonic())


async def _next_text(streams: Streams) -> bytes:
    """The next text from a server. It is never masked, and ours is never fragmented.

    Answers pings before it, so that the server does not consider the screen dead.
    """
    reader, writer = streams
    while True:
        head = await reader.readexactly(2)
        length = head[1] & 0x7F
        if length == 126:
            (length,) = struct.unpack("!H", await reader.readexactly(2))
        elif length == 127:
            (length,) = struct.unpack("!Q", await reader.readexactly(8))
        data = await reader.readexactly(length)
        if head[0] & 0x0F != PING:
            return data
        writer.write(masked(PONG, data))


def frame(text: bytes) -> bytes:
    """A text frame as a server sends it."""
    if len(text) < 126:
        return struct.pack("!BB", 0x81, len(text)) + text
    if len(text) < 65_536:
        return struct.pack("!BBH", 0x81, 126, len(text)) + text
    return struct.pack("!BBQ", 0x81, 127, len(text)) + text


def masked(opcode: int, payload: bytes) -> bytes:
    """A frame with a payload of at most 125 bytes, as a browser sends it."""
    return struct.pack("!BB", 0x80 | opcode, 0x80 | len(payload)) + NO_MASK + payload


def opening_request(path: str, port: int, cookies: dict[str, str]) -> bytes:
    """The request with which a logged-in browser opens a socket."""
    cookie = "; ".join(f"{name}={value}" for name, value in cookies.items())
    lines = (
        f"GET {path} HTTP/1.1",
        f"Host: {LOOPBACK}:{port}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}",
        "Sec-WebSocket-Version: 13",
        f"Origin: http://{LOOPBACK}:{port}",
        f"Cookie: {cookie}",
    )
    return "\r\n".join((*lines, "", "")).encode()


def _watch(port: int, screens: list[Screen], pipe: Connection) -> None:
    asyncio.run(_watch_all(port, screens, pipe))


async def _watch_all(port: int, screens: list[Screen], pipe: Connection) -> None:
    openings = asyncio.Semaphore(CONCURRENT_OPENINGS)
    watching: list[asyncio.Task[None]] = []

    async def open_one(screen: Screen) -> _Watcher:
        watcher = _Watcher(await _open(port, screen.request, openings), screen.points)
        # At once, or the server would consider the first dead before the last is open.
        watching.append(asyncio.create_task(watcher.watch()))
        return watcher

    watchers = await asyncio.gather(*map(open_one, screens))
    pipe.send(None)
    while True:
        tick = await asyncio.to_thread(pipe.recv)
        while not all(tick in watcher.current_at for watcher in watchers):
            await asyncio.sleep(0.01)
            for task in watching:
                if task.done():
                    task.result()
        pipe.send(sorted(watcher.current_at[tick] for watcher in watchers))


async def _open(port: int, request: bytes, openings: asyncio.Semaphore) -> Streams:
    """Opens a connection; both streams must be kept, as a garbage-collected writer closes it."""
    async with openings:
        reader, writer = await asyncio.open_connection(LOOPBACK, port, limit=2**22)
        if request:
            writer.write(request)
            answer = await reader.readuntil(b"\r\n\r\n")
            if not answer.startswith(b"HTTP/1.1 101"):
                raise AssertionError(answer.decode())
            await _next_text((reader, writer))  # the snapshot
        return reader, writer
