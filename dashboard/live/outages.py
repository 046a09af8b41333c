"""What becomes of a WebSocket when the database or Redis does not answer."""

import logging
from collections.abc import Awaitable, Callable
from typing import Any

from sessions_app.telemetry.outages import SERVER_ERRORS, log_failure

logger = logging.getLogger(__name__)

TRY_AGAIN_LATER = 1013

Application = Callable[[Any, Any, Any], Awaitable[None]]


def closing_on_outage(application: Application) -> Application:
    """The application, but an error of a server closes the WebSocket and is logged in one line.

    Nothing else is to be done: pages reconnect for ever. Before the handshake is accepted, it is
    refused.
    """

    async def call(scope: Any, receive: Any, send: Any) -> None:
        try:
            await application(scope, receive, send)
        except SERVER_ERRORS as error:
            log_failure(logger, "WebSockets are closed", error)
            await send({"type": "websocket.close", "code": TRY_AGAIN_LATER})

    return call
