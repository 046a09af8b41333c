"""Bodies that are larger than the product takes, and streams whose reader is slow."""

import asyncio
from typing import Any

import pytest
from twisted.internet.task import Clock

from dashboard.http.losses import losses
from engagement_conductor.web_server import limits
from engagement_conductor.web_server.request import Request
from tests.engagement_conductor.web_server.conftest import REQUEST, Application, Connect


def test_the_answer_to_a_large_body_has_the_headers_of_pages(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sent: list[Any] = []
    headers: dict[bytes, bytes] = {}
    request = Request.__new__(Request)
    monkeypatch.setattr(Request, "setHeader", lambda self, *pair: headers.update([pair]))
    monkeypatch.setattr(Request, "handle_reply", lambda self, message: sent.append(message))
    request.basic_error(413, b"Content Too Large", "The request is too large.")
    assert sent[0]["status"] == 413
    assert headers[b"x-frame-options"] == b"DENY"
    assert b"frame-ancestors 'none'" in headers[b"content-security-policy"]


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
