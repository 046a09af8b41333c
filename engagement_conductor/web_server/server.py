"""Daphne's server with our protocols, and with descriptors reserved for other than clients."""

import resource
from pathlib import Path
from typing import Any

from daphne.server import Server

from engagement_conductor.web_server import limits
from engagement_conductor.web_server.connection import Connection
from engagement_conductor.web_server.request import Request
from engagement_conductor.web_server.send_buffers import SendBuffers
from engagement_conductor.web_server.socket import Socket

OPEN_DESCRIPTORS = Path("/dev/fd")


class WebServer(Server):
    """Daphne with limits; takes Daphne's options, but sets some of them itself."""

    def __init__(self, **options: Any) -> None:
        options |= {
            "websocket_connect_timeout": limits.HANDSHAKE_SECONDS,
            "websocket_handshake_timeout": limits.HANDSHAKE_SECONDS,
            # It would apply to the messages that we send: see Socket.
            "websocket_max_message_size": 0,
            "ready_callable": self._use_own_protocols,
            "endpoints": [_with_backlog(endpoint) for endpoint in options["endpoints"]],
        }
        super().__init__(**options)
        self.send_buffers = SendBuffers(limits.ALL_SEND_BUFFERS_BYTES)
        soft_limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        self._usable_descriptors = soft_limit - limits.RESERVED_DESCRIPTORS
        self._open_descriptors = 0

    def _use_own_protocols(self) -> None:
        """Called by Daphne after it has made its factories, and before it serves."""
        self.http_factory.protocol = Connection
        self.ws_factory.protocol = Socket

    def add_connection(self) -> bool:
        """Counts one more connection; False if it would take a reserved descriptor."""
        self._open_descriptors += 1
        return self._open_descriptors <= self._usable_descriptors

    def application_checker(self) -> None:
        """Once a second: Daphne's housekeeping, and the number of descriptors really open."""
        super().application_checker()
        self._open_descriptors = sum(1 for _ in OPEN_DESCRIPTORS.iterdir())

    async def handle_reply(self, protocol: Any, message: dict[str, Any]) -> None:
        """Sends a message of the application; a stream waits until the client has read."""
        await super().handle_reply(protocol, message)
        if isinstance(protocol, Request):
            await protocol.wait_until_writable()


def _with_backlog(endpoint: str) -> str:
    """The description of an endpoint, with our backlog unless it names one."""
    if not endpoint.startswith(("tcp:", "ssl:", "unix:")) or ":backlog=" in endpoint:
        return endpoint
    return f"{endpoint}:backlog={limits.BACKLOG}"
