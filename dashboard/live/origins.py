"""Only our own pages may open a WebSocket: browsers send cookies for pages of other sites, too."""

from typing import Any
from urllib.parse import urlsplit

from channels.security.websocket import WebsocketDenier
from django.conf import settings
from django.http.request import split_domain_port, validate_host

from dashboard.live.outages import Application

DEFAULT_PORTS = {"http": 80, "https": 443}


class SameOriginValidator:
    """Refuses handshakes from pages of another scheme, host or port than they are sent to.

    The origin of ``PUBLIC_URL`` is accepted as well, for proxies that change the ``Host`` header.
    Django checks forms the same way; Channels' own validator compares hosts only.
    """

    def __init__(self, application: Application) -> None:
        self.application = application

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        headers = dict(scope["headers"])
        origin = origin_of(headers.get(b"origin", b"").decode("latin1"))
        allowed = origin in allowed_origins(headers)
        application = self.application if allowed else WebsocketDenier()
        await application(scope, receive, send)


def allowed_origins(headers: dict[bytes, bytes]) -> set[str | None]:
    """The origins whose pages may open a WebSocket with a handshake of these headers."""
    origins = {origin_of(settings.PUBLIC_URL)}
    host = headers.get(b"host", b"").decode("latin1")
    if validate_host(split_domain_port(host)[0], settings.ALLOWED_HOSTS):
        origins.add(origin_of(f"{'https' if settings.SECURE else 'http'}://{host}"))
    return origins - {None}


def origin_of(address: str) -> str | None:
    """Scheme, host and port, also if it is the default port; None if it is no such URL."""
    try:
        parts = urlsplit(address)
        port = parts.port or DEFAULT_PORTS[parts.scheme]
    except (ValueError, KeyError):
        return None
    return f"{parts.scheme}://{parts.hostname}:{port}"
