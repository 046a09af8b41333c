"""What becomes of a socket while a server is away."""

from typing import Any

import pytest
import redis
from django.db import OperationalError

from dashboard.live.outages import TRY_AGAIN_LATER, closing_on_outage


async def sent_after(error: Exception | None) -> list[Any]:
    """What a client is sent by a socket that fails with this error after its first message."""
    sent: list[Any] = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        await send("a message")
        if error is not None:
            raise error

    async def send(message: Any) -> None:
        sent.append(message)

    await closing_on_outage(application)({}, None, send)
    return sent


async def test_a_socket_that_works_is_left_alone() -> None:
    assert await sent_after(None) == ["a message"]


@pytest.mark.parametrize("error", [OperationalError("gone"), redis.ConnectionError("gone")])
async def test_an_outage_closes_it_for_now(error: Exception) -> None:
    closing = {"type": "websocket.close", "code": TRY_AGAIN_LATER}
    assert await sent_after(error) == ["a message", closing]


async def test_a_fault_of_our_own_is_not_hidden() -> None:
    with pytest.raises(ZeroDivisionError):
        await sent_after(ZeroDivisionError())
