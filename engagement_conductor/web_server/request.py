"""A request whose body is limited, and whose response is streamed no faster than it is read."""

from typing import Any

from daphne.http_protocol import WebRequest
from django.conf import settings

from engagement_conductor.web_server.error_responses import SECURITY_HEADERS


class Request(WebRequest):
    """Daphne's request, which would accept a body of any size and queue all of it in memory."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._body_bytes = 0
        self._is_stream = False

    @property
    def _is_too_large(self) -> bool:
        return self._body_bytes > settings.DATA_UPLOAD_MAX_MEMORY_SIZE

    def handleContentChunk(self, data: bytes) -> None:  # noqa: N802
        """Keeps a part of the body; what is beyond the limit is dropped as it arrives."""
        self._body_bytes += len(data)
        if not self._is_too_large:
            super().handleContentChunk(data)

    def process(self) -> Any:
        if not self._is_too_large:
            return super().process()
        self.setHeader(b"connection", b"close")
        self.channel.persistent = False
        return self.basic_error(413, b"Content Too Large", "The request is too large.")

    def basic_error(self, status: int, status_text: bytes, body: str) -> None:
        for name, value in SECURITY_HEADERS:
            self.setHeader(name, value)
        super().basic_error(status, status_text, body)

    def handle_reply(self, message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            names = {name.lower() for name, _ in message.get("headers", ())}
            self._is_stream = b"content-length" not in names
        super().handle_reply(message)

    async def wait_until_writable(self) -> None:
        """Returns when more of a streamed response may be made.

        A response of known length is complete already. Waiting would not save its memory, but hold
        the turn that others wait for.
        """
        # Twisted takes the channel away when the response is complete or the client has gone.
        channel = getattr(self, "channel", None)
        if self._is_stream and channel is not None:
            await channel.writable.wait()
