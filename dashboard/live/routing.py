"""WebSocket URLs."""

from channels.security.websocket import WebsocketDenier
from django.urls import URLPattern, path, re_path

from dashboard.live.consumers import OverviewConsumer, SessionConsumer

websocket_urlpatterns: list[URLPattern] = [
    path("ws/overview/", OverviewConsumer.as_asgi()),
    path("ws/sessions/<int:pk>/", SessionConsumer.as_asgi()),
    # Any other address: the handshake is refused.
    re_path("", WebsocketDenier.as_asgi()),
]
