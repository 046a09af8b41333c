"""Which sockets there are."""

import pytest
from channels.routing import URLRouter
from channels.testing import WebsocketCommunicator

from dashboard.live.routing import websocket_urlpatterns


@pytest.mark.parametrize("path", ["/", "/ws/", "/ws/sessions/x/", "/ws/overview/more/"])
async def test_a_handshake_at_another_address_is_refused(path: str) -> None:
    socket = WebsocketCommunicator(URLRouter(websocket_urlpatterns), path)
    accepted, _ = await socket.connect()
    assert not accepted
    await socket.disconnect()


@pytest.mark.parametrize(
    ("path", "kind", "arguments"),
    [
        ("ws/overview/", "OverviewConsumer", {}),
        ("ws/sessions/7/", "SessionConsumer", {"pk": 7}),
    ],
)
def test_pages_have_their_sockets(path: str, kind: str, arguments: dict[str, int]) -> None:
    found = next(filter(None, (pattern.resolve(path) for pattern in websocket_urlpatterns)))
    assert found.func.consumer_class.__name__ == kind
    assert found.kwargs == arguments
