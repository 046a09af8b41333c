"""Sockets that are cut off for what their clients do or do not do."""

import asyncio
from collections.abc import Callable

import pytest
from twisted.internet.task import Clock

from benchmarks.web.spectators import opening_request
from dashboard.http.losses import losses
from engagement_conductor.web_server import limits
from engagement_conductor.web_server.server import WebServer
from tests.engagement_conductor.web_server.conftest import Application, Connect, Transport


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
