"""Whether the database is still the one whose keys are on Redis.

Redis holds database keys of sessions and events. A database that goes back in time while Redis
stays (a restored dump, point-in-time recovery, a replica that takes over and lagged behind) gives
some of these keys to other sessions. So the database has an *epoch*, and a mark that grows with
every tick; Redis remembers both, the server's identity, and how far the sequence of sessions had
got. Where the database does not go on from what Redis remembers, it gets another epoch, and every
shard looks up its sessions in it before it goes on (:mod:`sessions_app.shards.rekeying`).
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

# Within this time every open page has had its rights looked up again; until then the scorer tells
# none of them anything, because the key in the name of its group may be another session's.
PAGES_WAIT_SECONDS = 30
# No longer than many a tick takes, in which the database may change as well.
RECENT_SECONDS = 1.0

# Server, timeline and database: another one after a recovery, a failover, or in a copy's place.
_INCARNATION = """(SELECT system_identifier FROM pg_control_system())::text
    || '/' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8)
    || '/' || (SELECT oid FROM pg_database WHERE datname = current_database())"""

# What a server says that never tells it, as some of the hosted ones. Anything else passes.
_NEVER_TOLD = (
    errors.FeatureNotSupported,
    errors.InsufficientPrivilege,
    errors.UndefinedFunction,
)
# Whether the server tells it; None while this process does not know.
_tells: bool | None = None


class Position(NamedTuple):
    """How far a database has got.

    Attributes:
        epoch: UUID in hexadecimal; empty where there is none.
        mark: of :class:`sessions_app.models.DatabaseEpoch`.
        last_session: the last key that was given to a session.
        incarnation: what tells servers and their timelines apart; empty where that is not told.
    """

    epoch: str
    mark: int
    last_session: int
    incarnation: str

    def goes_on_from(self, before: "Position") -> bool:
        """Whether everything that was known ``before`` still holds."""
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
    """The epoch of the database; a new one where it does not go on from what Redis remembers.

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
    """The same for shards that are scored one after the other.

    It is looked up once a second at most, and anew with each connection to the database: behind
    another one may be another database.

    Args:
        client: of the server of ``REDIS_URL``.
    """

    def __init__(self, client: "redis.Redis") -> None:
        self._client = client
        self._looked_up_at = -math.inf
        self._looked_up_by: Any = None
        self._epoch = ""

    def recent(self) -> str:
        """The epoch, as it was a second ago at the earliest, by this connection.

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
    """Notes in the database, then on Redis, that a tick has gone by.

    Raises:
        redis.RedisError, django.db.Error: a server does not answer.
    """
    current_epoch(client)
    with connection.cursor() as cursor:
        table = DatabaseEpoch._meta.db_table
        cursor.execute(f"UPDATE {table} SET mark = mark + 1")  # noqa: S608 - our own name
    _remember(client, _found())


def _settle(client: "redis.Redis") -> str:
    """Gives the database an epoch: its own where Redis knows of none, else a new one."""
    with transaction.atomic():
        # Whoever comes second finds on Redis what the first has settled.
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
        "The database does not go on from where it was (%s, then %s): all live sessions are looked "
        "up in it again, and pages wait %d s.",
        remembered,
        found,
        PAGES_WAIT_SECONDS,
    )
    return row.epoch.hex


def _found() -> Position:
    incarnation = _INCARNATION if tells_incarnation() else "''"
    with connection.cursor() as cursor:
        # Only names of our own.
        cursor.execute(
            f"SELECT epoch, coalesce(mark, 0), coalesce(pg_sequence_last_value("  # noqa: S608
            f"pg_get_serial_sequence('{Session._meta.db_table}', 'id')::regclass), 0), "
            f"{incarnation} FROM (SELECT 1) AS always "
            f"LEFT JOIN {DatabaseEpoch._meta.db_table} ON id = 1"
        )
        epoch, mark, last_session, server = cursor.fetchone()
    return Position(epoch.hex if epoch else "", mark, last_session, server)


def tells_incarnation() -> bool:
    """Whether the server tells who it is. Only what it says for good is remembered.

    Raises:
        django.db.Error: the database does not answer.
    """
    global _tells
    if _tells is not None:
        return _tells
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"SELECT {_INCARNATION}")
    except DatabaseError as error:
        if connection.connection is None or connection.connection.closed:
            raise
        if not isinstance(error.__cause__, _NEVER_TOLD):
            log_failure(logger, "The server does not tell its timeline this time", error)
            return False
        logger.info("The server does not tell its timeline: %s", error)
        _tells = False
        return False
    _tells = True
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
            # Whoever is not told does not take it from those who are.
            pipeline.hsetnx(keys.DATABASE_EPOCH, "incarnation", known.pop("incarnation"))
        pipeline.hset(keys.DATABASE_EPOCH, mapping=known)
        pipeline.execute()
