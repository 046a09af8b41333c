"""Bulk writes of metrics: one binary COPY for all sessions of a shard."""

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
    """The layout of a COPY row: the number of fields, then the length and bytes of each."""
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
    """Stores one row per session for ``tick``; existing rows stay unchanged."""
    if not len(metrics):
        return
    data = encode_copy(metrics, tick_end(tick))
    table = connection.ops.quote_name(EngagementMetric._meta.db_table)
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            _copy(cursor, table, data)
    except (IntegrityError, UniqueViolation):
        # Happens only after a crash between storing and recording it, so it may be slower.
        with transaction.atomic(), connection.cursor() as cursor:
            _copy_what_is_missing(cursor, table, data)


def _copy(cursor: Any, table: str, data: bytes) -> None:
    with cursor.copy(f"COPY {table} ({_COLUMN_LIST}) FROM STDIN (FORMAT BINARY)") as copy:
        copy.write(data)


def _copy_what_is_missing(cursor: Any, table: str, data: bytes) -> None:
    # The names are constants of this module, never input.
    cursor.execute(
        f"CREATE TEMPORARY TABLE missing_metrics ON COMMIT DROP AS "  # noqa: S608
        f"SELECT {_COLUMN_LIST} FROM {table} WITH NO DATA"
    )
    _copy(cursor, "missing_metrics", data)
    cursor.execute(
        f"INSERT INTO {table} ({_COLUMN_LIST}) "  # noqa: S608
        f"SELECT {_COLUMN_LIST} FROM missing_metrics ON CONFLICT DO NOTHING"
    )
    # Another piece of the same tick may get here before the transaction ends.
    cursor.execute("DROP TABLE missing_metrics")
