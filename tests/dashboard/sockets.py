"""Sockets of the whole application, as a browser opens them."""

from typing import Any

from asgiref.sync import sync_to_async
from channels.testing import WebsocketCommunicator
from django.contrib.auth import SESSION_KEY
from django.test import Client

from engagement_conductor.asgi import application
from tests.factories import Cast


def cookie_of(user: Any) -> str:
    client = Client()
    client.force_login(user)
    assert SESSION_KEY in client.session
    return "; ".join(f"{name}={morsel.value}" for name, morsel in client.cookies.items())


async def open_socket(
    path: str, user: Any = None, origin: str = "http://localhost"
) -> WebsocketCommunicator:
    headers = [(b"origin", origin.encode()), (b"host", b"localhost")]
    if user is not None:
        headers.append((b"cookie", (await sync_to_async(cookie_of)(user)).encode()))
    return WebsocketCommunicator(application, path, headers=headers)


async def connected(path: str, user: Any) -> tuple[WebsocketCommunicator, dict[str, Any]]:
    socket = await open_socket(path, user)
    accepted, _ = await socket.connect(timeout=5)
    assert accepted
    return socket, await socket.receive_json_from(timeout=5)


def session_path(cast: Cast) -> str:
    return f"/ws/sessions/{cast.session.pk}/"


async def refused(path: str, user: Any = None, **options: Any) -> bool:
    socket = await open_socket(path, user, **options)
    accepted, _ = await socket.connect(timeout=5)
    return not accepted
