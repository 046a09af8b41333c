"""A request: no larger than the product takes, and answered no faster than the client reads."""

from typing import Any

from daphne.http_protocol import WebRequest
from django.conf import settings

from engagement_conductor.web_server import bare_answers


class Request(WebRequest):
    """Daphne's request, which would keep a body of any length, and queue all of it in memory."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._received = 0
        self._streams = False

    def gotLength(self, length: int | None) -> None:  # noqa: N802
        self._received = 0
        super().gotLength(min(length, _most()) if length is not None else None)

    def handleContentChunk(self, data: bytes) -> None:  # noqa: N802
        """Keeps what may be kept; the rest of a body that is too large is dropped as it comes."""
        self._received += len(data)
        if self._received <= _most():
            super().handleContentChunk(data)

    def process(self) -> Any:
        if self._received <= _most():
            return super().process()
        self.setHeader(b"connection", b"close")
        self.channel.persistent = False
        return self.basic_error(413, b"Content Too Large", "The request is too large.")

    def basic_error(self, status: int, status_text: bytes, body: str) -> None:
        for name, value in bare_answers.HEADERS:
            self.setHeader(name, value)
        super().basic_error(status, status_text, body)

    def handle_reply(self, message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            names = {name.lower() for name, _ in message.get("headers", ())}
            self._streams = b"content-length" not in names
        super().handle_reply(message)

    async def taken(self) -> None:
        """Returns when the client has taken enough of a stream for more of it.

        What has a known length was made already: it waits in this process or in the application,
        and the application has done its work once it is here.
        """
        # Twisted takes the channel away where a request is over or its client has gone.
        channel = getattr(self, "channel", None)
        if self._streams and channel is not None:
            await channel.flowing.wait()


def _most() -> int:
    return int(settings.DATA_UPLOAD_MAX_MEMORY_SIZE)
