"""Texts of requests are in UTF-8, whatever encoding a request names."""

import re
from collections.abc import Awaitable, Callable
from typing import Any

Application = Callable[[Any, Any, Any], Awaitable[None]]

# What is let through is spelled out: what is to be left out can be written in too many ways.
_KIND = re.compile(rb"\s*([\w!#$&^.+-]+/[\w!#$&^.+-]+)\s*(?:;|\Z)")
_BOUNDARY = re.compile(rb""";\s*boundary="?([\w'()+,./:=?-]{1,200})"?\s*(?:;|\Z)""", re.IGNORECASE)


def reading_utf_8(application: Application) -> Application:
    """The application, told of a content's kind and boundary, and of no encoding.

    Django would decode by any codec that Python has, and fail on those that are for no text, before
    a page or middleware is asked. In others a NUL looks different, and half characters can be
    written.
    """

    async def call(scope: Any, receive: Any, send: Any) -> None:
        headers = [_without_charset(*header) for header in scope["headers"]]
        await application({**scope, "headers": headers}, receive, send)

    return call


def _without_charset(name: bytes, value: bytes) -> tuple[bytes, bytes]:
    if name.lower() != b"content-type":
        return name, value
    kind = _KIND.match(value)
    if kind is None:
        return name, b""
    boundary = _BOUNDARY.search(value)
    return name, kind[1] if boundary is None else b'%s; boundary="%s"' % (kind[1], boundary[1])
