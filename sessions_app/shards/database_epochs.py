"""Detects that the database is no longer the one whose keys are on Redis.

Redis holds database keys of sessions and events. A database that goes back in time while Redis does
not (a restored dump, point-in-time recovery, a failover to a lagging replica) assigns some of these
keys to other sessions. So the database has an *epoch* and a mark that grows with every tick; Redis
keeps both, the server's identity, and the position of the sequence of session keys. If the database
does not continue from what Redis recorded, it gets a new epoch, and every shard looks up its
sessions again before it continues (:mod:`sessions_app.shards.rekeying`).
"""

import logging
import math
import time
from typing import Any, NamedTuple
from uuid import uuid4

import redis
from django.db import DatabaseError, connection, transaction
from psycopg import errors

from sessions_app.models import DatabaseEpoch, Session
from sessions_app.redis_access import keys
from sessions_app.telemetry.outages import log_failure

logger = logging.getLogger(__name__)

# Within this time the permissions of every open page have been looked up again. Until then the
# scorer broadcasts nothing, as the key in a group's name may belong to another session.
PAGES_WAIT_SECONDS = 30
# About as long as a tick takes, during which the database may change as well.
RECENT_SECONDS = 1.0

# Server, timeline and database: changes after a recovery, a failover, or a switch to a copy.
_INCARNATION = """(SELECT system_identifier FROM pg_control_system())::text
    || '/' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8)
    || '/' || (SELECT oid FROM pg_database WHERE datname = current_database())"""

# Errors of servers that never reveal it, as some hosted ones. All other errors are temporary.
_UNSUPPORTED = (
    errors.FeatureNotSupported,
    errors.InsufficientPrivilege,
    errors.UndefinedFunction,
)
# Whether the server reveals its incarnation; None while unknown in this process.
_supports_incarnation: bool | None = None


class Position(NamedTuple):
    """How far a database has progressed.

    Attributes:
        epoch: UUID in hexadecimal; empty if there is none.
        mark: of :class:`sessions_app.models.DatabaseEpoch`.
        last_session: the last key assigned to a session.
        incarnation: identifies a server and its timeline; empty if the server does not reveal it.
    """

    epoch: str
    mark: int
    last_session: int
    incarnation: str

    def goes_on_from(self, before: "Position") -> bool:
        """Whether this position continues from ``before``, so that keys still mean the same."""
        is_same_server = "" in (self.incarnation, before.incarnation) or (
            self.incarnation == before.incarnation
        )
        return (
            is_same_server
            and self.epoch == before.epoch
            and self.mark >= before.mark
            and self.last_session >= before.last_session
        )


def current_epoch(client: "redis.Redis") -> str:
    """The epoch of the database; a new one if it does not continue from what Redis recorded.

    Raises:
        redis.RedisError, django.db.Error: a server does not answer.
    """
    remembered, found = _remembered(client), _found()
    if remembered is not None and found.epoch and found.goes_on_from(remembered):
        if found.last_session > remembered.last_session:
            _remember(client, found)
        return found.epoch
    return _settle(client)


class RecentEpoch:
    """The current epoch, cached for shards that are scored one after the other.

    It is looked up at most once a second, and again for every new connection, which may lead to
    another database.

    Args:
        client: of the server of ``REDIS_URL``.
    """

    def __init__(self, client: "redis.Redis") -> None:
        self._client = client
        self._looked_up_at = -math.inf
        self._looked_up_by: Any = None
        self._epoch = ""

    def recent(self) -> str:
        """The epoch as of at most a second ago, over this connection.

        Raises:
            redis.RedisError, django.db.Error: a server does not answer.
        """
        is_recent = time.monotonic() - self._looked_up_at < RECENT_SECONDS
        if is_recent and self._looked_up_by is connection.connection:
            return self._epoch
        return self.current()

    def current(self) -> str:
        """See :func:`current_epoch`."""
        began = time.monotonic()
        self._epoch = current_epoch(self._client)
        self._looked_up_at, self._looked_up_by = began, connection.connection
        return self._epoch


def advance_mark(client: "redis.Redis") -> None:
    """Advances the mark in the database, then on Redis, by one tick.

    Raises:
        redis.RedisError, django.db.Error: a server does not answer.
    """
    current_epoch(client)
    with connection.cursor() as cursor:
        table = DatabaseEpoch._meta.db_table
        cursor.execute(f"UPDATE {table} SET mark = mark + 1")  # noqa: S608 - our own name
    _remember(client, _found())


def _settle(client: "redis.Redis") -> str:
    """Gives the database an epoch: its own if Redis knows none, else a new one."""
    with transaction.atomic():
        # Concurrent callers wait here, and find on Redis what the first one settled.
        row, _ = DatabaseEpoch.objects.select_for_update().get_or_create(pk=1)
        remembered, found = _remembered(client), _found()
        if remembered is None or found.goes_on_from(remembered):
            _remember(client, found)
            return found.epoch
        row.epoch, row.mark = uuid4(), max(row.mark, remembered.mark) + 1
        row.save()
        _remember(client, _found())
        client.set(keys.DATABASE_CHANGED, row.epoch.hex, ex=PAGES_WAIT_SECONDS)
    logger.warning(
        "The database does not continue from its last position (%s, now %s): looking up all live "
        "sessions again; pages get no updates for %d s.",
        remembered,
        found,
        PAGES_WAIT_SECONDS,
    )
    return row.epoch.hex


def _found() -> Position:
    incarnation = _INCARNATION if supports_incarnation() else "''"
    with connection.cursor() as cursor:
        # Interpolates our own names only.
        cursor.execute(
            f"SELECT epoch, coalesce(mark, 0), coalesce(pg_sequence_last_value("  # noqa: S608
            f"pg_get_serial_sequence('{Session._meta.db_table}', 'id')::regclass), 0), "
            f"{incarnation} FROM (SELECT 1) AS always "
            f"LEFT JOIN {DatabaseEpoch._meta.db_table} ON id = 1"
        )
        epoch, mark, last_session, server = cursor.fetchone()
    return Position(epoch.hex if epoch else "", mark, last_session, server)


def supports_incarnation() -> bool:
    """Whether the server reveals its identity. Only definite answers are cached.

    Raises:
        django.db.Error: the database does not answer.
    """
    global _supports_incarnation
    if _supports_incarnation is not None:
        return _supports_incarnation
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"SELECT {_INCARNATION}")
    except DatabaseError as error:
        if connection.connection is None or connection.connection.closed:
            raise
        if not isinstance(error.__cause__, _UNSUPPORTED):
            log_failure(logger, "Could not read the timeline of the database server", error)
            return False
        logger.info("The database server does not report its timeline: %s", error)
        _supports_incarnation = False
        return False
    _supports_incarnation = True
    return True


def _remembered(client: "redis.Redis") -> Position | None:
    stored = client.hgetall(keys.DATABASE_EPOCH)
    try:
        return Position(
            stored[b"epoch"].decode(),
            int(stored[b"mark"]),
            int(stored[b"last_session"]),
            stored[b"incarnation"].decode(),
        )
    except (KeyError, ValueError):
        return None


def _remember(client: "redis.Redis", position: Position) -> None:
    known = position._asdict()
    with client.pipeline(transaction=True) as pipeline:
        if not position.incarnation:
            # A process that cannot read it keeps the value of those that can.
            pipeline.hsetnx(keys.DATABASE_EPOCH, "incarnation", known.pop("incarnation"))
        pipeline.hset(keys.DATABASE_EPOCH, mapping=known)
        pipeline.execute()
