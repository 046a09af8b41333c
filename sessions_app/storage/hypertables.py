"""Which tables are TimescaleDB hypertables."""

from typing import Any


def is_hypertable(cursor: Any, table: str) -> bool:
    """False on plain PostgreSQL, and for tables older than the extension."""
    if not cursor.db.has_timescaledb:
        return False
    cursor.execute(
        "SELECT EXISTS (SELECT FROM timescaledb_information.hypertables"
        " WHERE hypertable_schema = current_schema() AND hypertable_name = %s)",
        [table],
    )
    return bool(cursor.fetchone()[0])
