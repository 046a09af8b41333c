"""Many screens in a process of their own: real WebSockets that note when they are current.

Frames are not parsed but searched, so that the spectators cost little of what is measured.
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

OPENING_AT_ONCE = 20
PATIENCE_SECONDS = 60
OPENING_PATIENCE_SECONDS = 300
POINTS = b'{"type":"points"'
POINT = b'"session":'
PING, PONG = 9, 10
NO_MASK = bytes(4)
TIME = re.compile(rb'"time":(\d+)')

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Screen(NamedTuple):
    """What one of them looks at.

    Attributes:
        request: what opens the WebSocket; empty if frames come without a handshake.
        points: how many make it current.
    """

    request: bytes
    points: int


class Spectators:
    """A process full of screens, all of them connected when it is made.

    Args:
        port: of the server on this machine.

    Attributes:
        opening_seconds: until the last of them had its snapshot.
    """

    def __init__(self, port: int, screens: list[Screen]) -> None:
        self._pipe, theirs = multiprocessing.Pipe()
        context = multiprocessing.get_context("fork")
        self._process = context.Process(target=_watch, args=(port, screens, theirs), daemon=True)
        started = time.monotonic()
        self._process.start()
        self._receive(OPENING_PATIENCE_SECONDS)
        self.opening_seconds = time.monotonic() - started

    def current_at(self, tick_ms: int) -> list[float]:
        """When each screen had the last point of a tick, on the monotonic clock, in order."""
        self._pipe.send(tick_ms)
        return self._receive()

    def _receive(self, seconds: float = PATIENCE_SECONDS) -> Any:
        if not self._pipe.poll(seconds):
            raise AssertionError("the screens are not current")
        return self._pipe.recv()

    def stop(self) -> None:
        self._process.kill()
        self._process.join()
        self._pipe.close()


class _Watcher:
    """Counts the points of every tick, and notes when it has them all."""

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
    """The next text of a server: never masked, and ours are never cut into several frames.

    Pings before it are answered, lest the server take the screen for dead.
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
    """A text as the frame in which a server sends it."""
    if len(text) < 126:
        return struct.pack("!BB", 0x81, len(text)) + text
    if len(text) < 65_536:
        return struct.pack("!BBH", 0x81, 126, len(text)) + text
    return struct.pack("!BBQ", 0x81, 127, len(text)) + text


def masked(opcode: int, payload: bytes) -> bytes:
    """A frame of at most 125 bytes as a browser sends it."""
    return struct.pack("!BB", 0x80 | opcode, 0x80 | len(payload)) + NO_MASK + payload


def opening_request(path: str, port: int, cookies: dict[str, str]) -> bytes:
    """What a browser that has logged in sends to open a socket."""
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
    places = asyncio.Semaphore(OPENING_AT_ONCE)
    watching: list[asyncio.Task[None]] = []

    async def open_one(screen: Screen) -> _Watcher:
        watcher = _Watcher(await _open(port, screen.request, places), screen.points)
        # At once, or the server would take the first for dead before the last is open.
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


async def _open(port: int, request: bytes, places: asyncio.Semaphore) -> Streams:
    """Both ends: a writer that nobody holds closes its connection."""
    async with places:
        reader, writer = await asyncio.open_connection(LOOPBACK, port, limit=2**22)
        if request:
            writer.write(request)
            answer = await reader.readuntil(b"\r\n\r\n")
            if not answer.startswith(b"HTTP/1.1 101"):
                raise AssertionError(answer.decode())
            await _next_text((reader, writer))  # the snapshot
        return reader, writer
