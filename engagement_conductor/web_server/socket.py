"""A WebSocket that is closed when its client does not read, or sends too much."""

from typing import Any

from daphne.ws_protocol import WebSocketProtocol

from dashboard.http.losses import losses
from engagement_conductor.web_server import limits
from engagement_conductor.web_server.timer import Timer
from sessions_app.telemetry.counters import CUT_OFF_CLIENTS, named


class Socket(WebSocketProtocol):
    """Daphne's WebSocket, which would keep without limit what its client does not read.

    Daphne sends a ping only to clients that have been silent, so one that talks and never reads
    would stay connected.
    """

    def connectionMade(self) -> None:  # noqa: N802
        self._send_timer = Timer(self.factory.reactor, limits.STALL_SECONDS, self._end_unread)
        super().connectionMade()

    def onOpen(self) -> None:  # noqa: N802
        # Until now the transport reported to the HTTP connection.
        self.unregisterProducer()
        self.registerProducer(self, True)
        super().onOpen()

    def onMessageFrameBegin(self, length: int) -> None:  # noqa: N802
        """Limits a message, in one frame or many.

        Autobahn's own limit of messages would apply to those that we send, too, and the snapshot of
        a large wall is long.
        """
        super().onMessageFrameBegin(length)
        if self.message_data_total_length > limits.MESSAGE_BYTES:
            self._end("too_long")

    def onMessage(self, payload: bytes, isBinary: bool) -> None:  # noqa: N802, N803
        if self.application_queue.qsize() >= limits.UNREAD_MESSAGES:
            self._end("flood")
        if not self.droppedByMe:
            super().onMessage(payload, isBinary)

    def serverSend(self, content: Any, binary: bool = False) -> None:  # noqa: N802
        was_full = self._is_full
        super().serverSend(content, binary)
        if self._is_full and not self.droppedByMe:
            size = self.server.send_buffers.add(self._end_unread, len(content))
            # The message that fills the buffer may be longer than the limit: a client that reads
            # is sent it whole.
            if was_full and size > limits.SEND_BUFFER_BYTES:
                self._end_unread()

    @property
    def _is_full(self) -> bool:
        """Whether the client has not yet read all that it was sent."""
        return self._send_timer.running

    def pauseProducing(self) -> None:  # noqa: N802
        """The send buffer is full."""
        self._send_timer.start()

    def resumeProducing(self) -> None:  # noqa: N802
        """The send buffer is empty."""
        self._send_timer.stop()
        self.server.send_buffers.remove(self._end_unread)

    def stopProducing(self) -> None:  # noqa: N802
        """The connection is lost: :meth:`onClose` follows, also where Autobahn has dropped it."""

    def onClose(self, wasClean: bool, code: int | None, reason: str | None) -> None:  # noqa: N802, N803
        self.resumeProducing()
        super().onClose(wasClean, code, reason)

    def _end_unread(self) -> None:
        self._end("unread")

    def _end(self, kind: str) -> None:
        if not self.droppedByMe:
            losses.count(named(CUT_OFF_CLIENTS, kind))
            self.dropConnection(abort=True)
