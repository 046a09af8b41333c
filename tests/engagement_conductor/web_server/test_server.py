"""Slow and greedy clients are disconnected and counted; errors have the headers of pages."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from daphne.http_protocol import HTTPFactory
from daphne.ws_protocol import WebSocketFactory
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransportWithDisconnection

from benchmarks.web.spectators import opening_request
from dashboard.http.losses import losses
from engagement_conductor.web_server import limits
from engagement_conductor.web_server.server import WebServer, _with_backlog

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


def test_a_connection_that_would_take_a_reserved_descriptor_is_counted(
    server: WebServer, connect: Connect
) -> None:
    server._usable_descriptors = 1
    assert connect().connected
    assert not connect().connected
    assert losses.take() == {"refused_requests:connection": 1}


@pytest.mark.parametrize(("sent", "kind"), [(b"", "silent"), (b"GET / HTTP/1.1\r\nX: x", "late")])
def test_a_request_that_is_not_complete_in_time_is_counted(
    connect: Connect, clock: Clock, sent: bytes, kind: str
) -> None:
    transport = connect()
    if sent:
        transport.protocol.dataReceived(sent)
    clock.advance(limits.REQUEST_SECONDS)
    assert not transport.connected
    assert losses.take() == {f"cut_off_clients:{kind}": 1}


@pytest.mark.parametrize("drop", [b"x", b"X: x\r\n"])
def test_a_byte_now_and_then_does_not_prolong_a_request(
    connect: Connect, clock: Clock, drop: bytes
) -> None:
    transport = connect()
    clock.advance(limits.REQUEST_SECONDS - 1)
    transport.protocol.dataReceived(b"GET / HTTP/1.1\r\n")
    for _ in range(int(limits.REQUEST_SECONDS) - 1):
        clock.advance(1)
        assert transport.connected
        transport.protocol.dataReceived(drop)
    clock.advance(1)
    assert not transport.connected
    assert losses.take() == {"cut_off_clients:late": 1}


async def test_an_idle_connection_is_closed_and_not_counted(
    application: Application, connect: Connect, clock: Clock
) -> None:
    transport = connect()
    transport.protocol.dataReceived(REQUEST)
    await asyncio.sleep(0)
    clock.advance(10 * limits.REQUEST_SECONDS)
    assert transport.connected, "while the response is made"
    [send] = application.sends
    headers = [(b"content-length", b"0")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body"})
    clock.advance(limits.REQUEST_SECONDS - 1)
    transport.protocol.dataReceived(REQUEST[:5])
    clock.advance(limits.REQUEST_SECONDS - 1)
    transport.protocol.dataReceived(REQUEST[5:])
    await asyncio.sleep(0)
    send = application.sends[1]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body"})
    clock.advance(limits.REQUEST_SECONDS)
    assert not transport.connected
    assert losses.take() == {}


async def test_a_stream_waits_for_its_reader_until_that_is_given_up(
    application: Application, connect: Connect, clock: Clock
) -> None:
    transport = connect()
    transport.protocol.dataReceived(REQUEST)
    await asyncio.sleep(0)
    [send] = application.sends
    await send({"type": "http.response.start", "status": 200, "headers": []})
    transport.protocol.pauseProducing()
    part = {"type": "http.response.body", "body": b"x", "more_body": True}
    waiting = asyncio.create_task(send(part))
    await asyncio.sleep(0.01)
    assert not waiting.done()
    transport.protocol.resumeProducing()
    await waiting
    transport.protocol.pauseProducing()
    clock.advance(limits.STALL_SECONDS)
    assert not transport.connected
    assert losses.take() == {"cut_off_clients:unread": 1}
    await send(part)


def assert_hardened(answer: bytes, status: int) -> None:
    assert answer.startswith(b"HTTP/1.1 %d " % status)
    lines = answer.lower().split(b"\r\n")
    assert b"x-frame-options: deny" in lines
    assert b"x-content-type-options: nosniff" in lines
    assert b"content-security-policy: default-src 'none'; frame-ancestors 'none'" in lines


@pytest.mark.parametrize(
    ("request_line", "status"),
    [
        (b"GET /" + b"x" * 20_000 + b" HTTP/1.1\r\n", 431),
        (b"GET / HTTP/1.1\r\nX: " + b"x" * 20_000 + b"\r\n", 431),
        (b"GET / HTTP/1.1\r\nno header\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n" + b"X: x\r\n" * 502, 400),
        (b"GET / HTTP/1.1\r\nTransfer-Encoding: nonsense\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: 1048577\r\n\r\n" + b"x" * 1_048_577, 413),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", 0),
    ],
)
def test_errors_of_the_server_itself_have_the_headers_of_pages(
    connect: Connect, request_line: bytes, status: int
) -> None:
    transport = connect()
    transport.protocol.dataReceived(request_line)
    if not status:
        transport.protocol.dataReceived(b"100001\r\n" + b"x" * 0x100001 + b"\r\n0\r\n\r\n")
        status = 413
    assert_hardened(transport.value(), status)
    assert not transport.connected


@pytest.fixture
async def opened(connect: Connect) -> Transport:
    """A WebSocket that is open."""
    transport = connect()
    transport.protocol.dataReceived(opening_request("/", 80, {}))
    await asyncio.sleep(0.01)
    assert transport.value().startswith(b"HTTP/1.1 101")
    transport.clear()
    return transport


def frame(payload: bytes, opcode: int = 0x81) -> bytes:
    """A frame of a browser, whose mask changes nothing."""
    size = len(payload)
    length = bytes([0x80 | size]) if size < 126 else b"\xfe" + size.to_bytes(2)
    return bytes([opcode]) + length + bytes(4) + payload


async def test_a_short_message_reaches_the_application(
    opened: Transport, application: Application
) -> None:
    opened.protocol.dataReceived(frame(b"x" * limits.MESSAGE_BYTES))
    await asyncio.sleep(0.01)
    assert application.received[-1]["text"] == "x" * limits.MESSAGE_BYTES
    assert opened.connected


@pytest.mark.parametrize(
    "sent",
    [
        frame(b"x" * (limits.MESSAGE_BYTES + 1)),
        frame(b"x" * limits.MESSAGE_BYTES, 0x01) + frame(b"x", 0x80),
    ],
)
async def test_a_long_message_ends_its_socket(
    opened: Transport, application: Application, sent: bytes
) -> None:
    opened.protocol.dataReceived(sent)
    await asyncio.sleep(0.01)
    assert not opened.connected
    assert [message["type"] for message in application.received] == [
        "websocket.connect",
        "websocket.disconnect",
    ]
    assert losses.take() == {"cut_off_clients:too_long": 1}


async def test_a_flood_ends_its_socket(opened: Transport, application: Application) -> None:
    application.is_reading.clear()
    opened.protocol.dataReceived(frame(b"{}"))
    await asyncio.sleep(0)
    for _ in range(limits.UNREAD_MESSAGES):
        opened.protocol.dataReceived(frame(b"{}"))
    assert opened.connected
    opened.protocol.dataReceived(frame(b"{}"))
    assert not opened.connected
    assert losses.take() == {"cut_off_clients:flood": 1}


async def test_a_message_longer_than_the_limit_is_sent_whole_to_who_reads(
    opened: Transport, server: WebServer, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "SEND_BUFFER_BYTES", 10)
    monkeypatch.setattr(opened, "write", lambda data: opened.producer.pauseProducing())
    opened.protocol.serverSend("x" * 100)
    assert (opened.connected, len(server.send_buffers)) == (True, 100)
    opened.producer.resumeProducing()
    clock.advance(10 * limits.STALL_SECONDS)
    assert (opened.connected, len(server.send_buffers)) == (True, 0)
    assert losses.take() == {}


def read_nothing(opened: Transport, clock: Clock) -> None:
    clock.advance(limits.STALL_SECONDS)


def exceed_the_limit_of_one(opened: Transport, clock: Clock) -> None:
    opened.protocol.serverSend("x")


def exceed_the_limit_of_all(opened: Transport, clock: Clock) -> None:
    opened.protocol.server.send_buffers.add(lambda: None, 50)


@pytest.mark.parametrize("act", [read_nothing, exceed_the_limit_of_one, exceed_the_limit_of_all])
async def test_a_socket_that_reads_too_little_ends_and_leaves_nothing(
    opened: Transport,
    server: WebServer,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
    act: Callable[[Transport, Clock], None],
) -> None:
    monkeypatch.setattr(limits, "SEND_BUFFER_BYTES", 80)
    monkeypatch.setattr(server.send_buffers, "_limit", 120)
    opened.producer.pauseProducing()
    opened.protocol.serverSend("x" * 40)
    opened.protocol.serverSend("x" * 40)
    assert (opened.connected, len(server.send_buffers)) == (True, 80)
    act(opened, clock)
    assert not opened.connected
    assert len(server.send_buffers) == (50 if act is exceed_the_limit_of_all else 0)
    assert clock.getDelayedCalls() == []
    assert losses.take() == {"cut_off_clients:unread": 1}


def lose_the_client(opened: Transport) -> None:
    opened.loseConnection()


def miss_a_pong(opened: Transport) -> None:
    opened.protocol.onAutoPingTimeout()


@pytest.mark.parametrize("act", [lose_the_client, miss_a_pong])
async def test_a_socket_that_ends_otherwise_leaves_nothing(
    opened: Transport, server: WebServer, clock: Clock, act: Callable[[Transport], None]
) -> None:
    opened.producer.pauseProducing()
    opened.protocol.serverSend("x" * 40)
    act(opened)
    assert not opened.connected
    assert (len(server.send_buffers), clock.getDelayedCalls()) == (0, [])
    assert losses.take() == {}


@pytest.mark.parametrize(
    ("endpoint", "expected"),
    [
        ("tcp:port=80", f"tcp:port=80:backlog={limits.BACKLOG}"),
        ("tcp:port=80:backlog=7", "tcp:port=80:backlog=7"),
        ("fd:fileno=3", "fd:fileno=3"),
    ],
)
def test_endpoints_have_a_long_queue(endpoint: str, expected: str) -> None:
    assert _with_backlog(endpoint) == expected
