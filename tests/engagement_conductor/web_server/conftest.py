"""Connections of a web server without a network, by a clock of the test's own."""

from collections.abc import Callable, Iterator
from unittest.mock import Mock

import pytest
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransportWithDisconnection

from dashboard.losses import losses
from engagement_conductor.web_server.connection import Connection

Connect = Callable[..., tuple[Connection, StringTransportWithDisconnection]]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(autouse=True)
def _nothing_counted() -> Iterator[None]:
    losses.take()
    yield
    losses.take()


@pytest.fixture
def connect(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> Connect:
    monkeypatch.setattr(Connection, "callLater", staticmethod(clock.callLater), raising=False)

    def make(room: bool = True) -> tuple[Connection, StringTransportWithDisconnection]:
        made = Connection()
        made.timeOut = None
        made.site = made.factory = Mock()
        made.factory.server.has_room.return_value = room
        made.factory.server.configure_mock(
            proxy_forwarded_address_header=None, root_path="", request_buffer_size=8192
        )
        transport = StringTransportWithDisconnection()
        transport.protocol = made
        made.makeConnection(transport)
        return made, transport

    return make
