"""Errors that are answered before any page is asked."""

import pytest

from tests.engagement_conductor.web_server.conftest import Connect


def assert_hardened(answer: bytes, status: int) -> None:
    assert answer.startswith(b"HTTP/1.1 %d " % status)
    lines = answer.lower().split(b"\r\n")
    assert b"x-frame-options: deny" in lines
    assert b"x-content-type-options: nosniff" in lines
    assert b"content-security-policy: default-src 'none'; frame-ancestors 'none'" in lines


@pytest.mark.parametrize(
    ("request_line", "status"),
    [
        (b"GET /" + b"x" * 20_000 + b" HTTP/1.1\r\n", 431),
        (b"GET / HTTP/1.1\r\nX: " + b"x" * 20_000 + b"\r\n", 431),
        (b"GET / HTTP/1.1\r\nno header\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n" + b"X: x\r\n" * 502, 400),
        (b"GET / HTTP/1.1\r\nTransfer-Encoding: nonsense\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: 1048577\r\n\r\n" + b"x" * 1_048_577, 413),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", 0),
    ],
)
def test_errors_of_the_server_itself_have_the_headers_of_pages(
    connect: Connect, request_line: bytes, status: int
) -> None:
    transport = connect()
    transport.protocol.dataReceived(request_line)
    if not status:
        transport.protocol.dataReceived(b"100001\r\n" + b"x" * 0x100001 + b"\r\n0\r\n\r\n")
        status = 413
    assert_hardened(transport.value(), status)
    assert not transport.connected
