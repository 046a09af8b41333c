"""What a page's socket does while the database or Redis is away: it ends, and is opened again."""

import logging
from collections.abc import Awaitable, Callable
from typing import Any

from sessions_app.telemetry.outages import SERVER_ERRORS, log_failure

logger = logging.getLogger(__name__)

UNAVAILABLE = SERVER_ERRORS
TRY_AGAIN_LATER = 1013

Application = Callable[[Any, Any, Any], Awaitable[None]]


def closing_on_outage(application: Application) -> Application:
    """The application, with a line in the log and a closed socket where a server is away.

    Pages reconnect for ever, so there is nothing to repair here; before the handshake is accepted
    it is refused.
    """

    async def call(scope: Any, receive: Any, send: Any) -> None:
        try:
            await application(scope, receive, send)
        except UNAVAILABLE as error:
            log_failure(logger, "Sockets of pages end", error)
            await send({"type": "websocket.close", "code": TRY_AGAIN_LATER})

    return call
