"""How many requests and handshakes run at once: one caller must not crowd out all others.

Each request that runs takes a thread and a connection to the database; handshakes share the one
thread in which WebSockets ask the database.
"""

from contextlib import AsyncExitStack
from typing import Any

from asgiref.sync import ThreadSensitiveContext, sync_to_async
from django.conf import settings
from django.db import connections
from django.http import parse_cookie

from dashboard.http.credentials import checked_login, checked_token
from dashboard.http.logins import network_of, outermost_address
from dashboard.http.losses import losses
from dashboard.live.outages import Application
from engagement_conductor.web_server import limits
from engagement_conductor.web_server.error_responses import SECURITY_HEADERS
from engagement_conductor.web_server.fair_semaphore import FairSemaphore, OverloadedError
from sessions_app.telemetry.counters import REFUSED_REQUESTS, named

# A liveness probe must not wait for the requests that run.
UNLIMITED_PATHS = frozenset({"/healthz"})
OVERLOADED = b"Too many requests at once. Please try again in a moment.\n"


class RequestLimiter:
    """Runs a limited number of requests at once; others wait, and are answered 503 in the end."""

    def __init__(self, application: Application) -> None:
        self._application = application
        self._semaphore = FairSemaphore(
            settings.MAX_REQUESTS_AT_ONCE,
            limits.REQUESTS_PER_CALLER,
            limits.REQUEST_QUEUE_PER_CALLER,
            limits.REQUEST_QUEUE_SECONDS,
        )

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] in UNLIMITED_PATHS:
            await self._application(scope, receive, send)
            return
        try:
            async with self._semaphore.acquire(caller_of(scope)):
                await self._run(scope, receive, send)
        except OverloadedError:
            losses.count(named(REFUSED_REQUESTS, "request"))
            await _send_overloaded(send)

    async def _run(self, scope: Any, receive: Any, send: Any) -> None:
        # Django runs in the thread of this context. The thread ends with the request, so the
        # connection to the database, which CONN_MAX_AGE would keep open for its next one, must too.
        async with ThreadSensitiveContext():
            try:
                await self._application(scope, receive, send)
            finally:
                await sync_to_async(connections.close_all)()


class HandshakeLimiter:
    """Runs a limited number of handshakes at once; others wait, and are refused in the end."""

    def __init__(self, application: Application) -> None:
        self._application = application
        self._semaphore = FairSemaphore(
            limits.HANDSHAKES,
            limits.HANDSHAKES_PER_CALLER,
            settings.MAX_SOCKETS_PER_USER,
            limits.HANDSHAKE_SECONDS,
        )

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async with AsyncExitStack() as handshake:

            async def release_and_send(message: Any) -> None:
                # The first message accepts or refuses, so the handshake is over.
                await handshake.aclose()
                await send(message)

            try:
                await handshake.enter_async_context(self._semaphore.acquire(caller_of(scope)))
            except OverloadedError:
                losses.count(named(REFUSED_REQUESTS, "handshake"))
                await send({"type": "websocket.close"})
                return
            await self._application(scope, receive, release_and_send)


def caller_of(scope: dict[str, Any]) -> str:
    """Who shares a limit: the login or token that is sent, else the network of the address.

    Nothing is looked up for it, so a login or token that was made up counts as a caller, too.
    """
    headers = {name: value.decode("latin1") for name, value in scope["headers"]}
    cookies = parse_cookie(headers.get(b"cookie", ""))
    if login := checked_login(cookies.get(settings.SESSION_COOKIE_NAME)):
        return f"login {login}"
    if token := checked_token(headers.get(b"authorization", "")):
        return f"token {token}"
    address, _ = scope.get("client") or ("", 0)
    forwarded = outermost_address(headers.get(b"x-forwarded-for", ""))
    return f"address {network_of(forwarded or address)}"


async def _send_overloaded(send: Any) -> None:
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", b"%d" % len(OVERLOADED)),
        (b"retry-after", b"5"),
        *SECURITY_HEADERS,
    ]
    await send({"type": "http.response.start", "status": 503, "headers": headers})
    await send({"type": "http.response.body", "body": OVERLOADED})
