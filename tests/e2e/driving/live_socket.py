"""A page's WebSocket without a browser."""

import json
import socket
import struct
import time
from typing import Any, Self

from benchmarks.web.spectators import PING, PONG, masked, opening_request

TEXT = 1


class LiveSocket:
    """An open socket of a local web server that has received its snapshot.

    Args:
        path: the socket's path.
        cookies: cookies of a logged-in browser.
    """

    def __init__(self, port: int, path: str, cookies: dict[str, str]) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=30)
        self._socket.sendall(opening_request(path, port, cookies))
        self._stream = self._socket.makefile("rb")
        assert self._stream.readline().startswith(b"HTTP/1.1 101")
        while self._stream.readline() != b"\r\n":
            pass
        self.snapshot = self._next()

    def points_from(self, time_ms: int, count: int, seconds: float = 30.0) -> list[dict[str, Any]]:
        """The next ``count`` points of ticks that end at ``time_ms`` or later."""
        points: list[dict[str, Any]] = []
        deadline = time.monotonic() + seconds
        while len(points) < count:
            assert time.monotonic() < deadline, points
            message = self._next()
            if message["type"] == "points":
                points += [point for point in message["points"] if point["time"] >= time_ms]
        return points[:count]

    def _next(self) -> dict[str, Any]:
        """The next message; answers pings that precede it."""
        opcode, payload = self._frame()
        while opcode == PING:
            self._socket.sendall(masked(PONG, payload))
            opcode, payload = self._frame()
        assert opcode == TEXT, (opcode, payload)
        message: dict[str, Any] = json.loads(payload)
        return message

    def _frame(self) -> tuple[int, bytes]:
        """The server's next frame, which is never masked and in our case never fragmented."""
        first, second = self._stream.read(2)
        length = second & 0x7F
        if length == 126:
            (length,) = struct.unpack("!H", self._stream.read(2))
        elif length == 127:
            (length,) = struct.unpack("!Q", self._stream.read(8))
        return first & 0x0F, self._stream.read(length)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._stream.close()
        self._socket.close()
