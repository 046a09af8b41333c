"""Replies of Redis that are aborted while being received, once they are too large.

Redis limits replies by number of entries only. Reads within :func:`at_most` are limited by bytes:
when a reply exceeds the limit, the connection is closed and the rest is never received.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import redis
from redis.connection import DefaultParser


class ReplyTooLargeError(redis.ConnectionError):
    """A reply had more bytes than allowed; the command was executed."""


class _Limit(threading.local):
    """The limit of the current thread, or None."""

    reply_bytes: int | None = None


_limit = _Limit()


@contextmanager
def at_most(reply_bytes: int) -> Iterator[None]:
    """Limits each reply that this thread reads within the block.

    Raises:
        ReplyTooLargeError: within the block, from the call that reads the reply.
    """
    _limit.reply_bytes = reply_bytes
    try:
        yield
    finally:
        _limit.reply_bytes = None


class BoundedParser(DefaultParser):  # type: ignore[misc, valid-type]
    """Reads replies, and counts the bytes of each."""

    _reply_bytes = 0

    def read_response(self, *args: Any, **options: Any) -> Any:
        self._reply_bytes = 0
        return super().read_response(*args, **options)

    def read_from_socket(self, *args: Any, **options: Any) -> Any:
        before = self._reader.len()
        reply = super().read_from_socket(*args, **options)
        self._reply_bytes += self._reader.len() - before
        if _limit.reply_bytes is not None and self._reply_bytes > _limit.reply_bytes:
            raise ReplyTooLargeError(f"a reply of more than {_limit.reply_bytes:,} bytes")
        return reply


def count_reply_bytes(connection: Any) -> None:
    """Prepares a new connection to a cluster node for :func:`at_most`; called by redis-py."""
    connection.set_parser(BoundedParser)
    connection.on_connect()
