"""Writing metrics in bulk: one binary COPY for all sessions of a shard."""

from datetime import UTC, datetime
from typing import Any

import numpy as np
from django.db import IntegrityError, connection, transaction
from numpy.typing import NDArray
from psycopg.errors import UniqueViolation

from sessions_app.models import EngagementMetric
from sessions_app.state.tick_metrics import METRIC
from sessions_app.ticks import tick_end

_POSTGRES_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_COLUMNS = ("time", *(name for name in METRIC.names if name != "event_id"))
_COLUMN_LIST = ", ".join(f'"{name}"' for name in _COLUMNS)
# https://www.postgresql.org/docs/current/sql-copy.html, "Binary Format"
_HEADER = b"PGCOPY\n\xff\r\n\x00" + bytes(8)
_TRAILER = b"\xff\xff"


def _copy_dtype() -> np.dtype:
    """A row as COPY wants it: the number of fields, then each one's length and its bytes."""
    fields: list[tuple[str, str]] = [("fields", ">i2")]
    for name in _COLUMNS:
        kind = np.dtype(">i8") if name == "time" else METRIC[name].newbyteorder(">")
        fields += [(f"{name}_length", ">i4"), (name, kind.str)]
    return np.dtype(fields)


_COPY_ROW = _copy_dtype()


def encode_copy(metrics: NDArray[np.void], time: datetime) -> bytes:
    """The rows in PostgreSQL's binary COPY format.

    Args:
        metrics: array of :data:`sessions_app.state.tick_metrics.METRIC`.
        time: the end of their tick.
    """
    rows = np.empty(len(metrics), _COPY_ROW)
    rows["fields"] = len(_COLUMNS)
    for name in _COLUMNS:
        rows[f"{name}_length"] = _COPY_ROW[name].itemsize
        if name == "time":
            rows[name] = round((time - _POSTGRES_EPOCH).total_seconds()) * 1_000_000
        else:
            rows[name] = metrics[name]
    return _HEADER + rows.tobytes() + _TRAILER


def store_metrics(metrics: NDArray[np.void], tick: int) -> None:
    """Stores one row per session for ``tick``; rows that are there already stay as they are."""
    if not len(metrics):
        return
    data = encode_copy(metrics, tick_end(tick))
    table = connection.ops.quote_name(EngagementMetric._meta.db_table)
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            _copy(cursor, table, data)
    except (IntegrityError, UniqueViolation):
        # Only after a crash between storing and noting it, so this path may be the slower one.
        with transaction.atomic(), connection.cursor() as cursor:
            _copy_what_is_missing(cursor, table, data)


def _copy(cursor: Any, table: str, data: bytes) -> None:
    with cursor.copy(f"COPY {table} ({_COLUMN_LIST}) FROM STDIN (FORMAT BINARY)") as copy:
        copy.write(data)


def _copy_what_is_missing(cursor: Any, table: str, data: bytes) -> None:
    # The names are this module's own constants, never input.
    cursor.execute(
        f"CREATE TEMPORARY TABLE missing_metrics ON COMMIT DROP AS "  # noqa: S608
        f"SELECT {_COLUMN_LIST} FROM {table} WITH NO DATA"
    )
    _copy(cursor, "missing_metrics", data)
    cursor.execute(
        f"INSERT INTO {table} ({_COLUMN_LIST}) "  # noqa: S608
        f"SELECT {_COLUMN_LIST} FROM missing_metrics ON CONFLICT DO NOTHING"
    )
    # Another part of the same tick may come this way before the transaction ends.
    cursor.execute("DROP TABLE missing_metrics")
