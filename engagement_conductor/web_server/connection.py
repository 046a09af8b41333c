"""An HTTP connection that a client cannot hold open by sending or reading too slowly."""

import asyncio
from typing import Any

from twisted.web.http import HTTPChannel

from dashboard.http.losses import losses
from engagement_conductor.web_server import limits
from engagement_conductor.web_server.error_responses import empty_response
from engagement_conductor.web_server.request import Request
from engagement_conductor.web_server.timer import Timer
from sessions_app.telemetry.counters import CUT_OFF_CLIENTS, REFUSED_REQUESTS, named

HEADERS_TOO_LARGE = empty_response(431, "Request Header Fields Too Large")
BAD_REQUEST = empty_response(400, "Bad Request")


class Connection(HTTPChannel):
    """Twisted's connection, with limits to how long it receives a request and sends a response.

    Attributes:
        writable: set while the client takes what it is sent.
    """

    def connectionMade(self) -> None:  # noqa: N802
        self.writable = asyncio.Event()
        self.writable.set()
        self._send_timer = Timer(self.factory.reactor, limits.STALL_SECONDS, self._abort_stalled)
        # None until the client has sent anything.
        self._is_receiving: bool | None = None
        self.timeOut = limits.REQUEST_SECONDS
        super().connectionMade()
        # Daphne's factory has set its own.
        self.requestFactory = Request
        if not self.factory.server.add_connection():
            losses.count(named(REFUSED_REQUESTS, "connection"))
            self.transport.abortConnection()

    def resetTimeout(self) -> None:  # noqa: N802
        """Twisted calls this for every piece of data; only the first of a request starts its time.

        While a response is made there is no timeout. It starts again once that is complete.
        """
        if not self._is_receiving:
            self._is_receiving = True
            super().resetTimeout()

    def allContentReceived(self) -> None:  # noqa: N802
        self._is_receiving = False
        super().allContentReceived()

    def timeoutConnection(self) -> None:  # noqa: N802
        # One that is idle between two requests is closed as well, but not worth a count.
        if self._is_receiving is not False:
            losses.count(named(CUT_OFF_CLIENTS, "late" if self._is_receiving else "silent"))
        super().timeoutConnection()

    def lineLengthExceeded(self, line: bytes) -> None:  # noqa: N802
        """The request line or a header is longer than 16 KiB."""
        self.transport.write(HEADERS_TOO_LARGE)
        super().lineLengthExceeded(line)

    def _respondToBadRequestAndDisconnect(self) -> None:  # noqa: N802 - Twisted's sends no headers
        self.transport.write(BAD_REQUEST)
        self.loseConnection()

    def pauseProducing(self) -> None:  # noqa: N802
        """The send buffer is full."""
        self.writable.clear()
        self._send_timer.start()
        super().pauseProducing()

    def resumeProducing(self) -> None:  # noqa: N802
        """The send buffer is empty."""
        self._stop_waiting()
        super().resumeProducing()

    def connectionLost(self, reason: Any) -> None:  # noqa: N802
        self._stop_waiting()
        super().connectionLost(reason)

    def _stop_waiting(self) -> None:
        self._send_timer.stop()
        self.writable.set()

    def _abort_stalled(self) -> None:
        losses.count(named(CUT_OFF_CLIENTS, "unread"))
        self.transport.abortConnection()
