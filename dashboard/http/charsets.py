"""Decodes every request as UTF-8, whatever charset it declares."""

import re
from collections.abc import Awaitable, Callable
from typing import Any

Application = Callable[[Any, Any, Any], Awaitable[None]]

# An allowlist: a charset can be spelled in too many ways to remove it reliably.
_MEDIA_TYPE = re.compile(rb"\s*([\w!#$&^.+-]+/[\w!#$&^.+-]+)\s*(?:;|\Z)")
_BOUNDARY = re.compile(rb""";\s*boundary="?([\w'()+,./:=?-]{1,200})"?\s*(?:;|\Z)""", re.IGNORECASE)


def reading_utf_8(application: Application) -> Application:
    """Wraps an ASGI application; of ``Content-Type`` it sees only the media type and the boundary.

    Django would decode with any codec that Python has, and fail on those that are not for text
    before any view or middleware runs. In others a NUL is encoded differently, or lone surrogates
    are possible.
    """

    async def call(scope: Any, receive: Any, send: Any) -> None:
        headers = [_without_charset(*header) for header in scope["headers"]]
        await application({**scope, "headers": headers}, receive, send)

    return call


def _without_charset(name: bytes, value: bytes) -> tuple[bytes, bytes]:
    if name.lower() != b"content-type":
        return name, value
    media_type = _MEDIA_TYPE.match(value)
    if media_type is None:
        return name, b""
    boundary = _BOUNDARY.search(value)
    return name, media_type[1] if boundary is None else b'%s; boundary="%s"' % (
        media_type[1],
        boundary[1],
    )
