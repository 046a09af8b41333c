"""Distinguishes outages, which pass by themselves and are not our fault, from all other errors.

An outage is logged as one line a minute per process, any other error with its traceback.
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

# Errors of a Redis server that cannot serve requests, by the first word of its reply.
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
# SQLSTATE classes and codes of PostgreSQL that are outages.
DATABASE_CLASSES = frozenset(
    {
        "08",  # the connection
        "28",  # authorization
        "40",  # deadlocks and serialization
        "53",  # disk, memory, connections
        "57",  # cancelled, shut down, starting
        "58",  # its own disk or system
    }
)
DATABASE_CODES = frozenset(
    {
        "25006",  # read only
        "3D000",  # the database does not exist, for example during a restore
        "42501",  # a privilege is missing
        "55006",  # object in use
        "55P03",  # lock not available
    }
)
# Outage codes that a single item among many may cause: a timeout, or a deadlock.
CODES_OF_ITEMS = frozenset({"40P01", "57014"})
# Without a code, the server was not reached or is gone.
DATABASE_IS_AWAY = (
    django.db.OperationalError,
    django.db.InterfaceError,
    psycopg.OperationalError,
    psycopg.InterfaceError,
)
NETWORK_ERRORS = (ConnectionError, TimeoutError, socket.gaierror)
# The disk is full, broken or read-only; no files, memory or routes left.
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
# Only some of these are outages, see :func:`is_outage`.
SERVER_ERRORS: tuple[type[Exception], ...] = (
    *REDIS_ERRORS,
    django.db.Error,
    psycopg.Error,
)

_lines = OnceAMinute()


def is_outage(error: BaseException | None) -> bool:
    """Whether an error, or its cause, says that a server is unavailable or refuses requests."""
    if isinstance(error, BaseExceptionGroup):
        return all(map(is_outage, error.exceptions))
    causes = [*_causes(error)]
    coded = [each for each in causes if isinstance(each, psycopg.Error) and each.sqlstate]
    return any(map(_is_outage_itself, coded or causes))


def may_be_of_one_item(error: BaseException) -> bool:
    """Whether fewer items at once may help: a statement timed out or met a deadlock."""
    return any(
        isinstance(each, psycopg.Error) and each.sqlstate in CODES_OF_ITEMS
        for each in _causes(error)
    )


def outage_kind(error: BaseException) -> str:
    """Groups the errors of an outage: by class, and by code if there is one."""
    codes = (each.sqlstate for each in _causes(error) if isinstance(each, psycopg.Error))
    return f"{type(error).__name__} {next(filter(None, codes), '')}".strip()


def first_line(error: BaseException) -> str:
    """The message of an error, in one line."""
    # The client quotes the command first, which may contain posted data.
    text = str(error).rpartition(QUOTED_COMMAND)[2]
    return text.strip().partition("\n")[0] or type(error).__name__


def log_failure(logger: logging.Logger, what: str, error: BaseException) -> None:
    """Logs a failure, once a minute for each kind of outage and fault.

    Args:
        what: what failed, a constant text; names and numbers belong in the log context.
        error: the reason. An outage is logged as a line, any other error with its traceback.
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
    """Groups faults by class and stack.

    The raising line alone is not enough, as in a library it is shared by many faults.
    """
    ways = "\n".join(_stack_lines(error))
    digest = hashlib.blake2b(ways.encode(errors="replace"), digest_size=8).hexdigest()
    return f"{type(error).__name__} {digest}"


def _stack_lines(error: BaseException) -> Iterator[str]:
    """Class and stack lines of an error, of its causes, and of grouped errors."""
    for cause in _causes(error):
        yield type(cause).__name__
        # Each line once, so that the depth of a recursion does not matter.
        yield from dict.fromkeys(
            f"{frame.f_code.co_filename}:{line}"
            for frame, line in traceback.walk_tb(cause.__traceback__)
        )
        if isinstance(cause, BaseExceptionGroup):
            for each in cause.exceptions:
                yield from _stack_lines(each)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__


def _is_outage_itself(error: BaseException) -> bool:
    if isinstance(error, psycopg.Error) and error.sqlstate:
        return error.sqlstate in DATABASE_CODES or error.sqlstate[:2] in DATABASE_CLASSES
    if isinstance(error, OSError):
        return isinstance(error, NETWORK_ERRORS) or error.errno in SYSTEM_REFUSALS
    if isinstance(error, redis.ResponseError) and not isinstance(error, UNREACHABLE):
        return any(word in REDIS_REFUSALS for word in _first_words(error))
    return isinstance(error, (*UNREACHABLE, *DATABASE_IS_AWAY))


def _first_words(error: redis.ResponseError) -> list[str]:
    """The first word of a reply, and of the reply that a pipeline's error quotes."""
    return [str(error.status_code), *(part.partition(" ")[0] for part in str(error).split(": "))]
