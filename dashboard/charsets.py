"""Texts of requests are in UTF-8, whatever encoding a request names."""

from collections.abc import Awaitable, Callable
from typing import Any

Application = Callable[[Any, Any, Any], Awaitable[None]]


def reading_utf_8(application: Application) -> Application:
    """The application, with the encodings that requests name left out.

    Django would decode by any codec that Python has, and fail on those that are for no text, before
    a page or middleware is asked. In others a NUL looks different, and half characters can be
    written.
    """

    async def call(scope: Any, receive: Any, send: Any) -> None:
        headers = [_without_charset(*header) for header in scope["headers"]]
        await application({**scope, "headers": headers}, receive, send)

    return call


def _without_charset(name: bytes, value: bytes) -> tuple[bytes, bytes]:
    if name.lower() != b"content-type" or b"charset" not in value.lower():
        return name, value
    parts = [part for part in value.split(b";") if not part.strip().lower().startswith(b"charset")]
    return name, b";".join(parts)
