"""Scores that cannot be read because their table is locked: pages do without them, and soon again.

Whoever maintains the database locks the table for seconds or minutes. A page that waited for that
would keep a connection and a place from all others.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import OperationalError
from psycopg.errors import LockNotAvailable

# So long nobody waits again for a lock that somebody has just waited for in vain.
REST_SECONDS = 3.0


class ScoresLockedError(OperationalError):
    """The table of the scores is locked."""


class _Lock:
    """What this process knows of it."""

    met_at: float | None = None


@contextmanager
def reading_scores() -> Iterator[None]:
    """To be around what reads scores for a page: waits for a lock as long as its connection may.

    Raises:
        ScoresLockedError: in vain, here or a moment ago somewhere else in this process.
    """
    if _Lock.met_at is not None and time.monotonic() - _Lock.met_at < REST_SECONDS:
        raise ScoresLockedError("The scores were locked a moment ago.")
    try:
        yield
    except OperationalError as error:
        if not isinstance(error.__cause__, LockNotAvailable):
            raise
        _Lock.met_at = time.monotonic()
        raise ScoresLockedError("The scores are locked.") from error
    _Lock.met_at = None


def forget_lock() -> None:
    """The next one who reads finds out anew."""
    _Lock.met_at = None
