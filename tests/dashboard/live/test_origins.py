"""Sockets are opened by our own pages: scheme, host and port all count."""

from typing import Any

import pytest

from dashboard.live.origins import allowed_origins, origin_of


def allowed(origin: str, host: str) -> bool:
    return origin_of(origin) in allowed_origins({b"host": host.encode()})


@pytest.fixture(autouse=True)
def _public(settings: Any) -> None:
    settings.PUBLIC_URL = "http://127.0.0.1:8000"
    settings.ALLOWED_HOSTS = ["127.0.0.1", "localhost", "[::1]", "wall.example.org"]
    settings.SECURE = False


@pytest.mark.parametrize(
    ("origin", "host", "expected"),
    [
        ("http://localhost:8000", "localhost:8000", True),
        ("http://localhost", "localhost", True),
        ("http://localhost:80", "localhost", True),
        ("http://[::1]:8000", "[::1]:8000", True),
        ("http://127.0.0.1:8000", "inner:9000", True),
        ("http://localhost:8001", "localhost:8000", False),
        ("http://localhost", "localhost:8000", False),
        ("https://localhost:8000", "localhost:8000", False),
        ("http://example.org", "localhost", False),
        ("http://example.org", "example.org", False),
        ("http://wall.example.org.evil.org", "wall.example.org", False),
    ],
)
def test_the_page_has_the_address_of_the_socket(origin: str, host: str, expected: bool) -> None:
    assert allowed(origin, host) is expected


def test_a_public_deployment_wants_https(settings: Any) -> None:
    settings.PUBLIC_URL, settings.SECURE = "https://wall.example.org", True
    assert allowed("https://wall.example.org", "wall.example.org")
    assert not allowed("http://wall.example.org", "wall.example.org")


@pytest.mark.parametrize("origin", ["null", "", "http://", "http://a:b", "file:///x"])
def test_what_is_no_origin_is_refused(origin: str) -> None:
    assert not allowed(origin, "localhost")
