"""HTTP and WebSocket entry point, served by Daphne."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "engagement_conductor.settings")
http_application = get_asgi_application()  # first: the imports below need the app registry

from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402
from channels.sessions import CookieMiddleware  # noqa: E402

from dashboard.http.charsets import reading_utf_8  # noqa: E402
from dashboard.live.origins import SameOriginValidator  # noqa: E402
from dashboard.live.outages import closing_on_outage  # noqa: E402
from dashboard.live.routing import websocket_urlpatterns  # noqa: E402
from engagement_conductor.web_server.concurrency import HandshakeLimiter, RequestLimiter  # noqa: E402

application = ProtocolTypeRouter(
    {
        "http": RequestLimiter(reading_utf_8(http_application)),
        "websocket": SameOriginValidator(
            HandshakeLimiter(closing_on_outage(CookieMiddleware(URLRouter(websocket_urlpatterns))))
        ),
    }
)
