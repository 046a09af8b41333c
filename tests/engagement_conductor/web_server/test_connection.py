"""A connection whose client does not do its part is ended, and counted."""

import pytest
from twisted.internet.task import Clock

from dashboard.losses import losses
from engagement_conductor.web_server import connection
from tests.engagement_conductor.web_server.conftest import Connect


@pytest.mark.parametrize(("said", "kind"), [(b"", "silent"), (b"GET / HTTP/1.1\r\nX: x", "late")])
def test_a_request_that_does_not_come_is_counted(
    connect: Connect, clock: Clock, said: bytes, kind: str
) -> None:
    made, transport = connect()
    if said:
        made.dataReceived(said)
    clock.advance(connection.REQUEST_SECONDS)
    assert transport.disconnected
    assert losses.take() == {f"cut_off_clients:{kind}": 1}


def test_an_answer_that_nobody_reads_is_counted(connect: Connect, clock: Clock) -> None:
    made, transport = connect()
    made.dataReceived(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n")
    made.pauseProducing()
    clock.advance(connection.STALLED_SECONDS)
    assert transport.disconnected
    assert losses.take() == {"cut_off_clients:unread": 1}
