"""Clients that request too much, read too little or take too long, and one that behaves."""

import asyncio
import http.client
import socket
import threading
import time
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

import psutil
from django.contrib.auth.models import User
from django.test import Client

from benchmarks.web.spectators import opening_request
from tests.e2e.driving.stack_process import RunningProcesses

HOST = "127.0.0.1"
Result = TypeVar("Result")
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


def cookies_of(name: str) -> dict[str, str]:
    """The cookies of a browser in which the user has logged in."""
    client = Client()
    client.force_login(User.objects.get(username=name))
    return {key: morsel.value for key, morsel in client.cookies.items()}


def memory_of(product: RunningProcesses, name: str = "web") -> int:
    """Resident memory of a process, in bytes."""
    return psutil.Process(product._running[name].pid).memory_info().rss


open_writers: list[asyncio.StreamWriter] = []


def attack(attempt: Coroutine[Any, Any, Result]) -> Result:
    """Runs a coroutine to completion, and closes all of its connections."""

    async def run() -> Result:
        try:
            return await attempt
        finally:
            for writer in open_writers:
                writer.transport.abort()
            open_writers.clear()
            # The loop needs a turn to close them.
            await asyncio.sleep(0.1)

    return asyncio.run(run())


@dataclass
class Target:
    """A web server under attack, as one user.

    Attributes:
        limit: bytes that a connection buffers before they are read.
    """

    port: int
    cookies: dict[str, str]
    limit: int = 2**16

    def request(self, path: str, method: str = "GET", *headers: str) -> bytes:
        cookie = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        lines = (f"{method} {path} HTTP/1.1", f"Host: {HOST}:{self.port}", f"Cookie: {cookie}")
        return "\r\n".join((*lines, *headers, "", "")).encode()

    async def connect(self, data: bytes = b"") -> Streams:
        """Opens a connection and sends data, without reading anything."""
        # A small buffer, so that the server soon notices unread data.
        connection = socket.socket()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self.limit)
        connection.setblocking(False)
        try:
            await asyncio.get_running_loop().sock_connect(connection, (HOST, self.port))
        except OSError:
            connection.close()
            raise
        reader, writer = await asyncio.open_connection(sock=connection, limit=self.limit)
        open_writers.append(writer)
        writer.write(data)
        return reader, writer

    async def status(self, request: bytes, seconds: float = 60) -> int:
        """The status of the response to a request; 0 if the connection closes without one."""
        try:
            async with asyncio.timeout(seconds):
                reader, writer = await self.connect(request)
                first = await reader.readline()
                while await reader.read(2**16):
                    pass
                writer.close()
        except OSError:
            return 0
        return int(first.split()[1]) if first else 0

    async def open_socket(self, path: str, seconds: float = 60) -> Streams | None:
        """An open WebSocket with nothing read from it yet; None if it is refused."""
        try:
            async with asyncio.timeout(seconds):
                reader, writer = await self.connect(opening_request(path, self.port, self.cookies))
                answer = await reader.readuntil(b"\r\n\r\n")
        except (OSError, asyncio.IncompleteReadError):
            return None
        if not answer.startswith(b"HTTP/1.1 101"):
            writer.close()
            return None
        return reader, writer


async def ended(reader: asyncio.StreamReader, seconds: float) -> bool:
    """Whether the server closes a connection in time, once everything it sent has been read."""
    try:
        async with asyncio.timeout(seconds):
            while await reader.read(2**16):
                pass
    except TimeoutError:
        return False
    except OSError:
        pass
    return True


def masked(text: bytes) -> bytes:
    """A short text frame as a browser sends it, with a mask of zeros."""
    return bytes((0x81, 0x80 | len(text), 0, 0, 0, 0)) + text


@dataclass
class Polite:
    """Opens a page now and then, and records the statuses and response times."""

    target: Target
    path: str = "/"
    statuses: set[int | str] = field(default_factory=set)
    seconds: list[float] = field(default_factory=list)

    @contextmanager
    def browsing(self) -> Iterator["Polite"]:
        """Browses until the block ends."""
        over = threading.Event()
        thread = threading.Thread(target=self._browse, args=(over,))
        thread.start()
        try:
            yield self
        finally:
            over.set()
            thread.join()

    def _browse(self, over: threading.Event) -> None:
        while not over.is_set():
            begun = time.monotonic()
            self.statuses.add(self._open())
            self.seconds.append(time.monotonic() - begun)
            over.wait(0.2)

    def _open(self) -> int | str:
        connection = http.client.HTTPConnection(HOST, self.target.port, timeout=90)
        cookie = "; ".join(f"{name}={value}" for name, value in self.target.cookies.items())
        try:
            connection.request("GET", self.path, headers={"Cookie": cookie})
            response = connection.getresponse()
            response.read()
        except (OSError, http.client.HTTPException) as error:
            return repr(error)
        finally:
            connection.close()
        return response.status
