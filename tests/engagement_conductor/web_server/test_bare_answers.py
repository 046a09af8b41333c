"""Answers that are given before any page is asked."""

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
    ],
)
def test_bare_answers_have_the_headers_of_pages(
    connect: Connect, request_line: bytes, status: int
) -> None:
    made, transport = connect()
    made.dataReceived(request_line)
    assert_hardened(transport.value(), status)
