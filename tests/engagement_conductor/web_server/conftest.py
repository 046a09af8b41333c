"""Connections of a web server without a network, by a clock of the test's own."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from daphne.http_protocol import HTTPFactory
from daphne.ws_protocol import WebSocketFactory
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransportWithDisconnection

from dashboard.http.losses import losses
from engagement_conductor.web_server.server import WebServer

Connect = Callable[[], StringTransportWithDisconnection]
REQUEST = b"GET / HTTP/1.1\r\nHost: here\r\n\r\n"


class Transport(StringTransportWithDisconnection):
    """Tells its producer of the end only while it has one, as Twisted's own do."""

    def loseConnection(self) -> None:  # noqa: N802
        if self.producer is not None:
            self.producer.stopProducing()
        super().loseConnection()

    abortConnection = loseConnection  # noqa: N815


class Application:
    """Accepts WebSockets and says nothing; keeps what it is sent, and each ``send``."""

    def __init__(self) -> None:
        self.received: list[Any] = []
        self.sends: list[Any] = []
        self.is_reading = asyncio.Event()
        self.is_reading.set()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.sends.append(send)
        if scope["type"] == "websocket":
            await send({"type": "websocket.accept"})
        while True:
            await self.is_reading.wait()
            self.received.append(await receive())


@pytest.fixture(autouse=True)
def _nothing_counted() -> Iterator[None]:
    losses.take()
    yield
    losses.take()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def application() -> Application:
    return Application()


@pytest.fixture
def server(application: Application, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> WebServer:
    """As it is when Daphne begins to serve, but with a clock of its own."""
    made = WebServer(application=application, endpoints=["tcp:0"])
    made.connections = {}
    made.http_factory = HTTPFactory(made)
    made.ws_factory = WebSocketFactory(made)
    made.ready_callable()
    made.http_factory.reactor = made.ws_factory.reactor = clock
    return made


@pytest.fixture
def connect(server: WebServer, clock: Clock) -> Connect:
    def make() -> Transport:
        transport = Transport()
        transport.protocol = server.http_factory.buildProtocol(None)
        transport.protocol.callLater = clock.callLater
        transport.protocol.makeConnection(transport)
        return transport

    return make
