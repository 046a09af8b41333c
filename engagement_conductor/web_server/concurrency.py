"""Requests and handshakes are taken up so many at a time: one client must not cost all others.

Each request that is being answered has a thread and a connection to the database, of which there
are not many; handshakes of sockets share one thread.
"""

from collections.abc import Iterator
from contextlib import AsyncExitStack
from http import HTTPStatus
from typing import Any

from asgiref.sync import ThreadSensitiveContext, sync_to_async
from django.conf import settings
from django.db import connections
from django.http import parse_cookie

from dashboard.http.credentials import checked_login, checked_token
from dashboard.http.logins import network_of, outermost_address
from dashboard.live.outages import Application
from dashboard.losses import losses
from engagement_conductor.web_server import bare_answers
from engagement_conductor.web_server.fair_semaphore import Gate, NoRoomError
from sessions_app.telemetry.counters import REFUSED_REQUESTS, named

# A browser asks for six things at a time.
REQUESTS_OF_ONE = 6
WAITING_REQUESTS = 200
WAITING_SECONDS = 30.0
HANDSHAKES = 200
HANDSHAKES_OF_ONE = 20
# As long as the web server waits.
HANDSHAKE_SECONDS = 20.0
# Whoever asks whether the process lives must not wait for what it does.
ALWAYS = frozenset({"/healthz"})
RETRY_SECONDS = b"5"


class BoundedRequests:
    """The application, with a bound on how many requests it answers at once; the rest wait."""

    def __init__(self, application: Application) -> None:
        self._application = application
        self._gate = Gate(
            settings.MAX_REQUESTS_AT_ONCE, REQUESTS_OF_ONE, WAITING_REQUESTS, WAITING_SECONDS
        )

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] in ALWAYS:
            await self._application(scope, receive, send)
            return
        try:
            async with self._gate.place(caller_of(scope)):
                await self._answer(scope, receive, send)
        except NoRoomError:
            losses.count(named(REFUSED_REQUESTS, "request"))
            await _refuse(send)

    async def _answer(self, scope: Any, receive: Any, send: Any) -> None:
        # Django's handler runs in the thread of this context, and leaves its connection behind.
        async with ThreadSensitiveContext():
            try:
                await self._application(scope, receive, send)
            finally:
                await sync_to_async(connections.close_all)()


class BoundedHandshakes:
    """The application, with a bound on how many handshakes it makes at once; the rest wait."""

    def __init__(self, application: Application) -> None:
        self._application = application
        self._gate = Gate(
            HANDSHAKES, HANDSHAKES_OF_ONE, settings.MAX_SOCKETS_PER_USER, HANDSHAKE_SECONDS
        )

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async with AsyncExitStack() as handshake:

            async def send_first(message: Any) -> None:
                # Whatever is said first, the handshake is over.
                await handshake.aclose()
                await send(message)

            try:
                await handshake.enter_async_context(self._gate.place(caller_of(scope)))
            except NoRoomError:
                losses.count(named(REFUSED_REQUESTS, "handshake"))
                await send({"type": "websocket.close"})
                return
            await self._application(scope, receive, send_first)


def caller_of(scope: dict[str, Any]) -> str:
    """Who asks, as far as that is known before anything is looked up.

    The login or the token that is sent, and otherwise the address.
    """
    headers = dict(scope["headers"])
    return next(_names(headers, scope.get("client")))


def _names(headers: dict[bytes, bytes], client: Any) -> Iterator[str]:
    cookies = parse_cookie(headers.get(b"cookie", b"").decode("latin1"))
    if login := checked_login(cookies.get(settings.SESSION_COOKIE_NAME)):
        yield f"login {login}"
    if token := checked_token(headers.get(b"authorization", b"").decode("latin1")):
        yield f"token {token}"
    forwarded = headers.get(b"x-forwarded-for", b"").decode("latin1")
    yield f"address {network_of(outermost_address(forwarded) or (client or [''])[0])}"


async def _refuse(send: Any) -> None:
    status = HTTPStatus.SERVICE_UNAVAILABLE
    body = b"Too many requests at once. Please try again in a moment.\n"
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", str(len(body)).encode()),
        (b"retry-after", RETRY_SECONDS),
        *bare_answers.HEADERS,
    ]
    await send({"type": "http.response.start", "status": status.value, "headers": headers})
    await send({"type": "http.response.body", "body": body})
