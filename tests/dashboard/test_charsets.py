"""Texts of requests are in UTF-8, whatever encoding they name."""

from typing import Any

import pytest

from dashboard.charsets import reading_utf_8


async def headers_told(*headers: tuple[bytes, bytes]) -> list[tuple[bytes, bytes]]:
    told: list[Any] = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        told.extend(scope["headers"])

    await reading_utf_8(application)({"type": "http", "headers": [*headers]}, None, None)
    return told


@pytest.mark.parametrize(
    "charset", ["utf-7", "utf-16", "rot13", "hex", "idna", "undefined", "\xff"]
)
@pytest.mark.parametrize("name", [b"content-type", b"Content-Type"])
async def test_the_application_is_told_of_no_encoding(charset: str, name: bytes) -> None:
    kind = b"application/x-www-form-urlencoded"
    value = charset.encode("latin-1")
    for written in (b"%s; charset=%s", b"%s;CHARSET=%s", b'%s; charset="%s"'):
        assert await headers_told((name, written % (kind, value))) == [(name, kind)]
    parts = b"multipart/form-data; charset=%s; boundary=x" % value
    assert await headers_told((name, parts)) == [(name, b"multipart/form-data; boundary=x")]


async def test_other_headers_stay_as_they_are() -> None:
    headers = [(b"content-type", b"application/json"), (b"x-charset", b"a; charset=b")]
    assert await headers_told(*headers) == headers
