"""The web server's own answers have the headers of pages, and whoever it cuts off is counted."""

from dashboard.losses import losses
from tests.engagement_conductor.web_server.conftest import Connect


def test_a_connection_without_room_is_counted(connect: Connect) -> None:
    _, transport = connect(room=False)
    assert transport.disconnected
    assert losses.take() == {"refused_requests:connection": 1}
