"""Context fields that are added to all log lines written within a block."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

_fields: ContextVar[Mapping[str, Any]] = ContextVar("log_fields", default={})  # noqa: B039 - never changed


@contextmanager
def log_context(**fields: Any) -> Iterator[None]:
    """Adds fields to all log lines of this thread or task within the block; nests.

    Fields are internal names, numbers, or IDs of sessions, never of users.
    """
    token = _fields.set({**_fields.get(), **fields})
    try:
        yield
    finally:
        _fields.reset(token)


def log_fields() -> Mapping[str, Any]:
    """The current context fields."""
    return _fields.get()
