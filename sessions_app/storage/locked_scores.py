"""Reading scores while their table is locked: pages fail fast and do without them.

Database maintenance may lock the table for seconds or minutes. A page that waited for it would hold
a connection and a worker slot that other requests need.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import OperationalError
from psycopg.errors import LockNotAvailable

# After a lock timeout, readers in this process fail at once for this long.
RETRY_AFTER_SECONDS = 3.0


class ScoresLockedError(OperationalError):
    """The table of the scores is locked."""


class _Lock:
    """When this process last ran into the lock."""

    met_at: float | None = None


@contextmanager
def reading_scores() -> Iterator[None]:
    """Wraps reads of scores for a page; they wait for a lock up to the connection's lock timeout.

    Raises:
        ScoresLockedError: the wait timed out, here or a moment ago elsewhere in this process.
    """
    if _Lock.met_at is not None and time.monotonic() - _Lock.met_at < RETRY_AFTER_SECONDS:
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
    """Lets the next reader try the table again."""
    _Lock.met_at = None
