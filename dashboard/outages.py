"""What a page's socket does while the database or Redis is away: it ends, and is opened again."""

import logging
from collections.abc import Awaitable, Callable
from typing import Any

import django.db
import redis

logger = logging.getLogger(__name__)

UNAVAILABLE = (redis.RedisError, django.db.Error, OSError)
# Of these, what is no fault of what was asked: a server is away, or cannot do its work.
OUTAGES = (
    redis.ConnectionError,
    redis.TimeoutError,
    redis.ResponseError,
    django.db.OperationalError,
    django.db.InterfaceError,
    OSError,
)
TRY_AGAIN_LATER = 1013

Application = Callable[[Any, Any, Any], Awaitable[None]]


def closing_on_outage(application: Application) -> Application:
    """The application, with one line in the log and a closed socket where a server is away.

    Pages reconnect for ever, so there is nothing to repair here; before the handshake is accepted
    it is refused.
    """

    async def call(scope: Any, receive: Any, send: Any) -> None:
        try:
            await application(scope, receive, send)
        except UNAVAILABLE as error:
            logger.warning("The socket of %s ends: %s", scope["path"], error)
            await send({"type": "websocket.close", "code": TRY_AGAIN_LATER})

    return call
