"""Answers of Redis that are given up while they arrive, once they are too large.

Redis bounds an answer in entries only. Whoever must not hold more than so many bytes reads within
:func:`at_most`; the connection is closed when an answer exceeds them, and the rest never arrives.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import redis
from redis.connection import DefaultParser


class AnswerTooLargeError(redis.ConnectionError):
    """An answer had more bytes than the caller allows; the command has been carried out."""


class _Limit(threading.local):
    """The bound of the running thread, or None."""

    answer_bytes: int | None = None


_limit = _Limit()


@contextmanager
def at_most(answer_bytes: int) -> Iterator[None]:
    """Bounds each answer that this thread reads within the block.

    Raises:
        AnswerTooLargeError: within the block, by the call that reads the answer.
    """
    _limit.answer_bytes = answer_bytes
    try:
        yield
    finally:
        _limit.answer_bytes = None


class BoundedParser(DefaultParser):  # type: ignore[misc, valid-type]
    """Reads answers, and counts the bytes of each."""

    _answer_bytes = 0

    def read_response(self, *args: Any, **options: Any) -> Any:
        self._answer_bytes = 0
        return super().read_response(*args, **options)

    def read_from_socket(self, *args: Any, **options: Any) -> Any:
        before = self._reader.len()
        answer = super().read_from_socket(*args, **options)
        self._answer_bytes += self._reader.len() - before
        if _limit.answer_bytes is not None and self._answer_bytes > _limit.answer_bytes:
            raise AnswerTooLargeError(f"an answer of more than {_limit.answer_bytes:,} bytes")
        return answer


def count_answers(connection: Any) -> None:
    """Readies a new connection of a cluster's node for :func:`at_most`; redis-py calls it."""
    connection.set_parser(BoundedParser)
    connection.on_connect()
