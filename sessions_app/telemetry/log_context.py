"""What a log line is about: fields that every line written meanwhile bears."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

_fields: ContextVar[Mapping[str, Any]] = ContextVar("log_fields", default={})  # noqa: B039 - never changed


@contextmanager
def log_context(**fields: Any) -> Iterator[None]:
    """Adds fields to all lines of this thread or task until the end; inner ones come on top.

    Fields are names and numbers of ours or IDs of sessions, never of users.
    """
    token = _fields.set({**_fields.get(), **fields})
    try:
        yield
    finally:
        _fields.reset(token)


def log_fields() -> Mapping[str, Any]:
    """The fields of lines that are written now."""
    return _fields.get()
