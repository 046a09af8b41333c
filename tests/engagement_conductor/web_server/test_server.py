"""The server refuses connections that it has no room for, and its endpoints have a long queue."""

import pytest

from dashboard.http.losses import losses
from engagement_conductor.web_server import limits
from engagement_conductor.web_server.server import WebServer, _with_backlog
from tests.engagement_conductor.web_server.conftest import Connect


def test_a_connection_that_would_take_a_reserved_descriptor_is_counted(
    server: WebServer, connect: Connect
) -> None:
    server._usable_descriptors = 1
    assert connect().connected
    assert not connect().connected
    assert losses.take() == {"refused_requests:connection": 1}


@pytest.mark.parametrize(
    ("endpoint", "expected"),
    [
        ("tcp:port=80", f"tcp:port=80:backlog={limits.BACKLOG}"),
        ("tcp:port=80:backlog=7", "tcp:port=80:backlog=7"),
        ("fd:fileno=3", "fd:fileno=3"),
    ],
)
def test_endpoints_have_a_long_queue(endpoint: str, expected: str) -> None:
    assert _with_backlog(endpoint) == expected
