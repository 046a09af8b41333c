"""The server: Daphne's, with our protocols, and with room kept for what is no connection."""

import logging
import resource
from pathlib import Path
from typing import Any

from daphne.server import Server

from engagement_conductor.web_server.connection import Connection
from engagement_conductor.web_server.request import Request
from engagement_conductor.web_server.send_buffers import Unread
from engagement_conductor.web_server.socket import LONGEST_MESSAGE_BYTES, Socket

logger = logging.getLogger(__name__)

# For the database, Redis, files and what else the process opens.
KEPT_DESCRIPTORS = 128
DESCRIPTORS = Path("/dev/fd")
# After a restart all screens come back at once: most of them wait for their turn.
HANDSHAKE_SECONDS = 20
MOST_UNREAD_BYTES = 256 * 1024 * 1024
# After a restart thousands come at once. Whoever finds the queue full knocks again after 1, 3, 7 s
# and so on; with Twisted's 50 places that took half a minute. The system may allow less.
BACKLOG = 4096


class WebServer(Server):
    """Daphne with bounds; its options are Daphne's."""

    def __init__(self, **options: Any) -> None:
        bounds = {
            "websocket_connect_timeout": HANDSHAKE_SECONDS,
            "websocket_handshake_timeout": HANDSHAKE_SECONDS,
            # It would bound what we send as well, and a wall of many sessions is long.
            "websocket_max_message_size": 0,
            "websocket_max_frame_size": LONGEST_MESSAGE_BYTES,
            "ready_callable": self._use_protocols,
            "endpoints": [_with_backlog(each) for each in options["endpoints"]],
        }
        super().__init__(**{**options, **bounds})
        self.unread = Unread(MOST_UNREAD_BYTES)
        self._most_descriptors = resource.getrlimit(resource.RLIMIT_NOFILE)[0] - KEPT_DESCRIPTORS
        self._descriptors = 0
        self._refused = 0

    def _use_protocols(self) -> None:
        """Daphne makes its factories when it begins to run, and calls this before it serves."""
        self.http_factory.protocol = Connection
        self.ws_factory.protocol = Socket

    def has_room(self) -> bool:
        """Counts one more connection; False where there is no room for it."""
        self._descriptors += 1
        if self._descriptors <= self._most_descriptors:
            return True
        self._refused += 1
        return False

    def application_checker(self) -> None:
        """Once a second: Daphne's housekeeping, and how many descriptors are really open."""
        super().application_checker()
        self._descriptors = sum(1 for _ in DESCRIPTORS.iterdir())
        if self._refused:
            logger.warning("No room for more connections: %d were refused.", self._refused)
            self._refused = 0

    async def handle_reply(self, protocol: Any, message: dict[str, Any]) -> None:
        """Sends what the application says; a stream goes on when the client has taken that."""
        await super().handle_reply(protocol, message)
        if isinstance(protocol, Request):
            await protocol.taken()


def _with_backlog(endpoint: str) -> str:
    """The description of an endpoint, with our queue where it says nothing of one."""
    if not endpoint.startswith(("tcp:", "ssl:", "unix:")) or ":backlog=" in endpoint:
        return endpoint
    return f"{endpoint}:backlog={BACKLOG}"
