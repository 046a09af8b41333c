"""WebSocket URLs."""

from channels.generic.websocket import AsyncJsonWebsocketConsumer
from django.urls import URLPattern, path, re_path

from dashboard.live.consumers import OverviewConsumer, SessionConsumer


class RefusingConsumer(AsyncJsonWebsocketConsumer):
    """Every other address: the handshake is refused."""

    async def connect(self) -> None:
        await self.close()


websocket_urlpatterns: list[URLPattern] = [
    path("ws/overview/", OverviewConsumer.as_asgi()),
    path("ws/sessions/<int:pk>/", SessionConsumer.as_asgi()),
    re_path("", RefusingConsumer.as_asgi()),
]
