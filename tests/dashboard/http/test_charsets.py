"""Texts of requests are in UTF-8, whatever encoding they name."""

from http import HTTPStatus
from typing import Any

import pytest
from channels.testing import HttpCommunicator
from django.core.handlers.asgi import ASGIRequest

from dashboard.http.charsets import reading_utf_8
from engagement_conductor.asgi import http_application

FORM = b"application/x-www-form-urlencoded"
BYTES = [bytes([byte]) for byte in range(1, 256)]
# One that is for no text, and one in which characters are written otherwise.
CODECS = (b"zlib", b"utf-7")


async def headers_told(*headers: tuple[bytes, bytes]) -> list[tuple[bytes, bytes]]:
    told: list[Any] = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        told.extend(scope["headers"])

    await reading_utf_8(application)({"type": "http", "headers": [*headers]}, None, None)
    return told


async def status_of_form(path: str, content_type: bytes) -> int:
    """What the product answers to a form whose token it has to look for."""
    headers = [
        (b"host", b"localhost"),
        (b"content-type", content_type),
        (b"cookie", b"engagement_csrf=" + b"a" * 32),
    ]
    asked = HttpCommunicator(reading_utf_8(http_application), "POST", path, b"a=b", headers)
    status: int = (await asked.get_response(timeout=10))["status"]
    await asked.wait()
    return status


@pytest.mark.parametrize(
    "charset", ["utf-7", "utf-16", "rot13", "hex", "idna", "undefined", "\xff"]
)
@pytest.mark.parametrize("name", [b"content-type", b"Content-Type"])
async def test_the_application_is_told_of_no_encoding(charset: str, name: bytes) -> None:
    value = charset.encode("latin-1")
    for written in (b"%s; charset=%s", b"%s;CHARSET=%s", b'%s; charset="%s"', b"%s; charset*=%s''"):
        assert await headers_told((name, written % (FORM, value))) == [(name, FORM)]
    parts = b"multipart/form-data; charset=%s; boundary=x" % value
    assert await headers_told((name, parts)) == [(name, b'multipart/form-data; boundary="x"')]


@pytest.mark.parametrize("codec", CODECS)
async def test_no_byte_hides_an_encoding(codec: bytes) -> None:
    for byte in BYTES:
        for written in (b"%s;%scharset=%s", b"%s;charset%s=%s"):
            (header,) = await headers_told((b"content-type", written % (FORM, byte, codec)))
            assert ASGIRequest(scope_with(header), None).encoding is None, (written, byte)
        around = b"%s%s;charset=%s" % (FORM, byte, codec)
        (header,) = await headers_told((b"content-type", around))
        assert ASGIRequest(scope_with(header), None).encoding is None, (around, byte)


def scope_with(header: tuple[bytes, bytes]) -> dict[str, Any]:
    return {"method": "POST", "path": "/", "headers": [header]}


@pytest.mark.integration
@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/login/", "/healthz"])
async def test_a_form_that_names_an_encoding_is_answered(path: str) -> None:
    wrong = []
    for byte in BYTES:
        status = await status_of_form(path, FORM + b";" + byte + b"charset=zlib")
        if status != HTTPStatus.FORBIDDEN:
            wrong.append((byte, status))
    assert wrong == []


@pytest.mark.integration
@pytest.mark.django_db
@pytest.mark.parametrize(
    "content_type",
    [
        FORM + b"; x*=undefined''a",
        FORM + b"; x*=zzz''a",
        FORM + b"; charset*0=zlib",
        b'"a;charset=zlib',
        b"multipart/form-data; boundary*=undefined''a",
        b'multipart/form-data; boundary="a;charset=zlib"',
        b"multipart/form-data; boundary=" + b"a" * 300,
    ],
)
async def test_a_form_of_no_kind_that_can_be_read_is_refused(content_type: bytes) -> None:
    status = await status_of_form("/login/", content_type)
    assert status in {HTTPStatus.BAD_REQUEST, HTTPStatus.FORBIDDEN}


@pytest.mark.parametrize("written", [b"----WebKitFormBoundaryAbC09", b"'()+_,-./:=?"])
async def test_a_form_in_parts_is_read(written: bytes) -> None:
    for value in (b"multipart/form-data; boundary=%s", b'multipart/form-data;Boundary="%s"; x=y'):
        (header,) = await headers_told((b"content-type", value % written))
        request = ASGIRequest(scope_with(header), None)
        assert request.content_type == "multipart/form-data"
        assert request.content_params == {"boundary": written.decode()}


async def test_other_headers_stay_as_they_are() -> None:
    headers = [(b"content-type", b"application/json"), (b"x-charset", b"a; charset=b")]
    assert await headers_told(*headers) == headers
