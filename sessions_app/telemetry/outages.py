"""Outages: what passes by itself and is no fault of ours, told from everything else.

An outage is one line a minute in the log of a process; anything else has its traceback.
"""

import errno
import hashlib
import logging
import socket
import traceback
from collections.abc import Iterator

import django.db
import psycopg
import redis

from sessions_app.redis_access.client import REDIS_ERRORS, UNREACHABLE
from sessions_app.telemetry.once_a_minute import OnceAMinute, with_count

# What Redis says while it cannot do what it is asked, by the first word of its answer.
REDIS_REFUSALS = frozenset(
    {
        "BUSY",  # a script runs
        "CLUSTERDOWN",
        "LOADING",
        "MASTERDOWN",
        "MISCONF",  # it cannot write to its disk
        "NOAUTH",
        "NOPERM",
        "NOREPLICAS",
        "OOM",
        "READONLY",
        "WRONGPASS",
    }
)
# What PostgreSQL says, by classes of its codes and by whole ones.
DATABASE_CLASSES = frozenset(
    {
        "08",  # the connection
        "28",  # who we are
        "40",  # deadlocks and serialization
        "53",  # disk, memory, connections
        "57",  # cancelled, shut down, starting
        "58",  # its own disk or system
    }
)
DATABASE_CODES = frozenset(
    {
        "25006",  # read only
        "3D000",  # the database is away, as while it is restored
        "42501",  # a right is missing
        "55006",  # in use
        "55P03",  # a lock is not to be had
    }
)
# Of these, what one item of many may be the cause of: it takes too long, or is in another's way.
CODES_OF_ITEMS = frozenset({"40P01", "57014"})
# Without a code nobody was reached, or is there any more.
DATABASE_IS_AWAY = (
    django.db.OperationalError,
    django.db.InterfaceError,
    psycopg.OperationalError,
    psycopg.InterfaceError,
)
NETWORK_ERRORS = (ConnectionError, TimeoutError, socket.gaierror)
# The disk is full, broken or read only; no more files, memory or ways to a host.
SYSTEM_REFUSALS = frozenset(
    {
        errno.EDQUOT,
        errno.EHOSTUNREACH,
        errno.EIO,
        errno.EMFILE,
        errno.ENETDOWN,
        errno.ENETUNREACH,
        errno.ENFILE,
        errno.ENOBUFS,
        errno.ENOMEM,
        errno.ENOSPC,
        errno.EROFS,
    }
)
QUOTED_COMMAND = " of pipeline caused error: "
# Of these only some are outages: ask :func:`is_outage`.
SERVER_ERRORS: tuple[type[Exception], ...] = (
    *REDIS_ERRORS,
    django.db.Error,
    psycopg.Error,
)

_lines = OnceAMinute()


def is_outage(error: BaseException | None) -> bool:
    """Whether an error, or what it was raised from, says that a server is away or refuses."""
    if isinstance(error, BaseExceptionGroup):
        return all(map(is_outage, error.exceptions))
    causes = [*_causes(error)]
    coded = [each for each in causes if isinstance(each, psycopg.Error) and each.sqlstate]
    return any(map(_says_so, coded or causes))


def may_be_of_one_item(error: BaseException) -> bool:
    """Whether fewer at once may do: a statement took too long, or met another in a deadlock."""
    return any(
        isinstance(each, psycopg.Error) and each.sqlstate in CODES_OF_ITEMS
        for each in _causes(error)
    )


def outage_kind(error: BaseException) -> str:
    """What one outage has in common: the class of its error, and the code if there is one."""
    codes = (each.sqlstate for each in _causes(error) if isinstance(each, psycopg.Error))
    return f"{type(error).__name__} {next(filter(None, codes), '')}".strip()


def first_line(error: BaseException) -> str:
    """What an error says, in one line."""
    # The client quotes the command before it, which may hold what somebody posted.
    text = str(error).rpartition(QUOTED_COMMAND)[2]
    return text.strip().partition("\n")[0] or type(error).__name__


def log_failure(logger: logging.Logger, what: str, error: BaseException) -> None:
    """Logs that something failed: once a minute for each kind of outage and of fault.

    Args:
        what: failed, the same words each time; names and numbers go into the log's context.
        error: why. An outage is a line, anything else has its traceback.
    """
    outage = is_outage(error)
    kind = outage_kind(error) if outage else fault_kind(error)
    left_out = _lines.left_out((logger.name, what, kind))
    if left_out is None:
        return
    message = with_count(f"{what}: {first_line(error)}", left_out)
    if outage:
        logger.warning("%s", message)
    else:
        logger.error("%s", message, exc_info=error)


def fault_kind(error: BaseException) -> str:
    """What tells one fault from another: of which class it is, and how the code came to it.

    The line that raises it alone would not do: in a library it is that of many faults.
    """
    ways = "\n".join(_ways(error))
    digest = hashlib.blake2b(ways.encode(errors="replace"), digest_size=8).hexdigest()
    return f"{type(error).__name__} {digest}"


def _ways(error: BaseException) -> Iterator[str]:
    """Class and lines of code, of an error, of what it was raised from, and of what it groups."""
    for cause in _causes(error):
        yield type(cause).__name__
        # Each line once: how deep a recursion went makes no other fault.
        yield from dict.fromkeys(
            f"{frame.f_code.co_filename}:{line}"
            for frame, line in traceback.walk_tb(cause.__traceback__)
        )
        if isinstance(cause, BaseExceptionGroup):
            for each in cause.exceptions:
                yield from _ways(each)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__


def _says_so(error: BaseException) -> bool:
    if isinstance(error, psycopg.Error) and error.sqlstate:
        return error.sqlstate in DATABASE_CODES or error.sqlstate[:2] in DATABASE_CLASSES
    if isinstance(error, OSError):
        return isinstance(error, NETWORK_ERRORS) or error.errno in SYSTEM_REFUSALS
    if isinstance(error, redis.ResponseError) and not isinstance(error, UNREACHABLE):
        return any(word in REDIS_REFUSALS for word in _first_words(error))
    return isinstance(error, (*UNREACHABLE, *DATABASE_IS_AWAY))


def _first_words(error: redis.ResponseError) -> list[str]:
    """Of an answer; in a pipeline, of what its answer quotes."""
    return [str(error.status_code), *(part.partition(" ")[0] for part in str(error).split(": "))]
