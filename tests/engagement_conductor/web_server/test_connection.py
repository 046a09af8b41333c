"""A connection whose client sends or reads too slowly is ended, and counted."""

import asyncio

import pytest
from twisted.internet.task import Clock

from dashboard.http.losses import losses
from engagement_conductor.web_server import limits
from tests.engagement_conductor.web_server.conftest import REQUEST, Application, Connect


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
