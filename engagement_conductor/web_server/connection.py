"""A connection that speaks HTTP: ends when a request takes too long to come, or nothing is read."""

import asyncio
from typing import Any

from twisted.web.http import HTTPChannel

from dashboard.losses import losses
from engagement_conductor.web_server.bare_answers import raw_answer
from engagement_conductor.web_server.request import Request
from sessions_app.telemetry.counters import CUT_OFF_CLIENTS, REFUSED_REQUESTS, named

# For the whole of a request, from its first byte; Twisted's own limit begins anew with each byte.
REQUEST_SECONDS = 30.0
# What is not read at all for so long never will be.
STALLED_SECONDS = 30.0
TOO_LONG = raw_answer(431, "Request Header Fields Too Large")
MALFORMED = raw_answer(400, "Bad Request")


class Connection(HTTPChannel):
    """Twisted's connection, with a limit of time for what the client has to do.

    Attributes:
        flowing: set while the client takes what it is sent.
    """

    def __init__(self) -> None:
        super().__init__()
        self.flowing = asyncio.Event()
        self.flowing.set()
        self._deadline: Any = None
        self._stalled: Any = None
        self._answering = False
        self._heard = False

    def connectionMade(self) -> None:  # noqa: N802
        super().connectionMade()
        # Daphne's factory has set its own.
        self.requestFactory = Request
        if not self.factory.server.has_room():
            losses.count(named(REFUSED_REQUESTS, "connection"))
            self.transport.abortConnection()
            return
        self._expect_request()

    def dataReceived(self, data: bytes) -> None:  # noqa: N802
        self._heard = True
        if not self._answering:
            self._expect_request()
        super().dataReceived(data)

    def allContentReceived(self) -> None:  # noqa: N802
        self._answering = True
        self._deadline = _cancelled(self._deadline)
        super().allContentReceived()

    def requestDone(self, request: Any) -> None:  # noqa: N802
        self._answering = False
        super().requestDone(request)

    def lineLengthExceeded(self, line: bytes) -> None:  # noqa: N802
        """An address or a header of more than 16 KiB."""
        self.transport.write(TOO_LONG)
        super().lineLengthExceeded(line)

    def _respondToBadRequestAndDisconnect(self) -> None:  # noqa: N802 - Twisted's own has no headers
        self.transport.write(MALFORMED)
        self.loseConnection()

    def pauseProducing(self) -> None:  # noqa: N802
        """What was sent is not taken fast enough."""
        self.flowing.clear()
        self._stalled = self._stalled or self.callLater(STALLED_SECONDS, self._end_stalled)
        super().pauseProducing()

    def resumeProducing(self) -> None:  # noqa: N802
        """Everything was taken."""
        self._flow()
        super().resumeProducing()

    def connectionLost(self, reason: Any) -> None:  # noqa: N802
        self._deadline = _cancelled(self._deadline)
        self._flow()
        super().connectionLost(reason)

    def _expect_request(self) -> None:
        self._deadline = self._deadline or self.callLater(REQUEST_SECONDS, self._end_late)

    def _flow(self) -> None:
        self.flowing.set()
        self._stalled = _cancelled(self._stalled)

    def _end_late(self) -> None:
        self._deadline = None
        losses.count(named(CUT_OFF_CLIENTS, "late" if self._heard else "silent"))
        self.transport.abortConnection()

    def _end_stalled(self) -> None:
        self._stalled = None
        losses.count(named(CUT_OFF_CLIENTS, "unread"))
        self.transport.abortConnection()


def _cancelled(call: Any) -> None:
    if call is not None and call.active():
        call.cancel()
