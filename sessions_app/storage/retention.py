"""Deletion of old metrics: whole chunks with TimescaleDB, batches of rows without."""

from datetime import datetime

from django.db import connection

from sessions_app.models import EngagementMetric
from sessions_app.storage.hypertables import is_hypertable

BATCH = 50_000


def drop_metrics_before(time: datetime) -> None:
    """Deletes metrics older than ``time``; on TimescaleDB, only chunks that are entirely older."""
    table = EngagementMetric._meta.db_table
    with connection.cursor() as cursor:
        if is_hypertable(cursor, table):
            cursor.execute("SELECT drop_chunks(%s::regclass, older_than => %s)", [table, time])
            return
        name = connection.ops.quote_name(table)
        while True:
            # Short transactions, so that the scorer never has to wait.
            cursor.execute(
                f"DELETE FROM {name} WHERE ctid IN "  # noqa: S608 - a constant name
                f"(SELECT ctid FROM {name} WHERE time < %s LIMIT {BATCH})",
                [time],
            )
            if cursor.rowcount < BATCH:
                return
