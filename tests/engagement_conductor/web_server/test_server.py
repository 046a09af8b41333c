"""The web server's own answers have the headers of pages, and whoever it cuts off is counted."""

from collections import Counter
from collections.abc import Callable, Iterator
from queue import Queue
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import pytest
from daphne.ws_protocol import WebSocketProtocol
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransportWithDisconnection

from dashboard.losses import losses
from engagement_conductor.web_server import connection, socket
from engagement_conductor.web_server.connection import Connection
from engagement_conductor.web_server.request import Request
from engagement_conductor.web_server.send_buffers import Unread
from engagement_conductor.web_server.socket import Socket

Connect = Callable[..., tuple[Connection, StringTransportWithDisconnection]]


@pytest.fixture(autouse=True)
def _nothing_counted() -> Iterator[None]:
    losses.take()
    yield
    losses.take()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def connect(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> Connect:
    monkeypatch.setattr(Connection, "callLater", staticmethod(clock.callLater), raising=False)

    def make(room: bool = True) -> tuple[Connection, StringTransportWithDisconnection]:
        made = Connection()
        made.timeOut = None
        made.site = made.factory = Mock()
        made.factory.server.has_room.return_value = room
        made.factory.server.configure_mock(
            proxy_forwarded_address_header=None, root_path="", request_buffer_size=8192
        )
        transport = StringTransportWithDisconnection()
        transport.protocol = made
        made.makeConnection(transport)
        return made, transport

    return make


def test_a_connection_without_room_is_counted(connect: Connect) -> None:
    _, transport = connect(room=False)
    assert transport.disconnected
    assert losses.take() == {"refused_requests:connection": 1}


@pytest.mark.parametrize(("said", "kind"), [(b"", "silent"), (b"GET / HTTP/1.1\r\nX: x", "late")])
def test_a_request_that_does_not_come_is_counted(
    connect: Connect, clock: Clock, said: bytes, kind: str
) -> None:
    made, transport = connect()
    if said:
        made.dataReceived(said)
    clock.advance(connection.REQUEST_SECONDS)
    assert transport.disconnected
    assert losses.take() == {f"cut_off_clients:{kind}": 1}


def test_an_answer_that_nobody_reads_is_counted(connect: Connect, clock: Clock) -> None:
    made, transport = connect()
    made.dataReceived(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n")
    made.pauseProducing()
    clock.advance(connection.STALLED_SECONDS)
    assert transport.disconnected
    assert losses.take() == {"cut_off_clients:unread": 1}


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
    ],
)
def test_bare_answers_have_the_headers_of_pages(
    connect: Connect, request_line: bytes, status: int
) -> None:
    made, transport = connect()
    made.dataReceived(request_line)
    assert_hardened(transport.value(), status)


def test_the_answer_to_a_large_body_has_them_too(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[Any] = []
    headers: dict[bytes, bytes] = {}
    request = Request.__new__(Request)
    monkeypatch.setattr(Request, "setHeader", lambda self, *pair: headers.update([pair]))
    monkeypatch.setattr(Request, "handle_reply", lambda self, message: sent.append(message))
    request.basic_error(413, b"Content Too Large", "The request is too large.")
    assert sent[0]["status"] == 413
    assert headers[b"x-frame-options"] == b"DENY"
    assert b"frame-ancestors 'none'" in headers[b"content-security-policy"]


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> Socket:
    """An open socket whose client takes nothing."""
    for name in ("onMessage", "onMessageFrameBegin", "serverSend"):
        monkeypatch.setattr(WebSocketProtocol, name, lambda self, *_: None)
    made = Socket()
    made.factory = SimpleNamespace(reactor=clock)
    made.server = SimpleNamespace(unread=Unread(most=100))
    made.application_queue = Queue()
    made.message_data_total_length = 0
    made._stalled, made._given_up = None, False
    made.ended = 0
    monkeypatch.setattr(Socket, "dropConnection", _end)
    return made


def _end(self: Any, abort: bool) -> None:
    self.ended += 1
    self.stopProducing()


def say_too_much(opened: Socket, clock: Clock) -> None:
    opened.message_data_total_length = socket.LONGEST_MESSAGE_BYTES + 1
    opened.onMessageFrameBegin(1)


def flood(opened: Socket, clock: Clock) -> None:
    for _ in range(socket.MOST_WAITING_MESSAGES):
        opened.application_queue.put(b"")
    opened.onMessage(b"", False)


def read_nothing(opened: Socket, clock: Clock) -> None:
    opened.pauseProducing()
    clock.advance(socket.STALLED_SECONDS)


def let_all_of_the_process_wait(opened: Socket, clock: Clock) -> None:
    opened.pauseProducing()
    opened.serverSend("x" * 101)


@pytest.mark.parametrize(
    ("act", "kind"),
    [
        (say_too_much, "too_long"),
        (flood, "flood"),
        (read_nothing, "unread"),
        (let_all_of_the_process_wait, "unread"),
    ],
)
def test_a_socket_that_is_cut_off_is_counted_once(
    opened: Socket, clock: Clock, act: Callable[[Socket, Clock], None], kind: str
) -> None:
    act(opened, clock)
    opened._end_unread()
    assert opened.ended == 1
    assert losses.take() == Counter({f"cut_off_clients:{kind}": 1})
