"""A WebSocket: ends when its client does not read what it is sent, or says too much at once."""

from typing import Any

from daphne.ws_protocol import WebSocketProtocol

from dashboard.losses import losses
from sessions_app.telemetry.counters import CUT_OFF_CLIENTS, named

# More than anything that is sent at once, on top of the first message that was not taken in time.
MOST_UNREAD_BYTES = 8 * 1024 * 1024
# A page comes back by itself and is told everything anew.
STALLED_SECONDS = 30.0
# All that a page ever says is a few words.
LONGEST_MESSAGE_BYTES = 4096
# The application takes each in a moment, except while it makes a snapshot.
MOST_WAITING_MESSAGES = 100


class Socket(WebSocketProtocol):
    """Daphne's socket, which would keep without end what is not read.

    Daphne asks for a sign of life only where nothing was heard for a while, so a client that
    talks and never reads would stay.
    """

    def onOpen(self) -> None:  # noqa: N802
        self._stalled: Any = None
        self._given_up = False
        # Until now the transport told the connection, which spoke HTTP.
        self.unregisterProducer()
        self.registerProducer(self, True)
        super().onOpen()

    def onMessageFrameBegin(self, length: int) -> None:  # noqa: N802
        """Frames are bounded one by one; this is about a message in many."""
        super().onMessageFrameBegin(length)
        if self.message_data_total_length > LONGEST_MESSAGE_BYTES:
            self._give_up("too_long")

    def onMessage(self, payload: bytes, isBinary: bool) -> None:  # noqa: N802, N803
        if self.application_queue.qsize() >= MOST_WAITING_MESSAGES:
            self._give_up("flood")
        if not self._given_up:
            super().onMessage(payload, isBinary)

    def serverSend(self, content: Any, binary: bool = False) -> None:  # noqa: N802
        if self._given_up:
            return
        was_stalled = self._stalled is not None
        super().serverSend(content, binary)
        if self._stalled is not None:
            unread = self.server.unread.add(self._end_unread, len(content))
            if was_stalled and unread > MOST_UNREAD_BYTES:
                self._end_unread()

    def pauseProducing(self) -> None:  # noqa: N802
        """What was sent is not taken fast enough."""
        self._stalled = self._stalled or self.factory.reactor.callLater(
            STALLED_SECONDS, self._end_unread
        )

    def resumeProducing(self) -> None:  # noqa: N802
        """Everything was taken."""
        self._forget()

    def stopProducing(self) -> None:  # noqa: N802
        """The connection is lost."""
        self._forget()

    def _forget(self) -> None:
        self.server.unread.forget(self._end_unread)
        if self._stalled is not None and self._stalled.active():
            self._stalled.cancel()
        self._stalled = None

    def _end_unread(self) -> None:
        self._give_up("unread")

    def _give_up(self, kind: str) -> None:
        if self._given_up:
            return
        self._given_up = True
        losses.count(named(CUT_OFF_CLIENTS, kind))
        self.dropConnection(abort=True)
