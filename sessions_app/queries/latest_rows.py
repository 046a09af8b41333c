"""The newest rows of each of many sessions, in one query."""

from collections import defaultdict
from typing import Any

from django.db import connection, models

# One index lookup per session; a window function would read all rows of all sessions.
QUERY = """
    SELECT {columns}
    FROM unnest(%(sessions)s::bigint[]) AS wanted (key)
    CROSS JOIN LATERAL (
        SELECT * FROM {table} WHERE session_id = wanted.key ORDER BY {order} LIMIT %(count)s
    ) newest
    ORDER BY {order}
"""


def newest_of_sessions(
    model: type[models.Model], session_ids: list[int], count: int, *related: str
) -> dict[int, list[Any]]:
    """The last ``count`` rows of each session, newest first, by session key.

    Args:
        model: has a ``session_id`` and a ``time``.
        session_ids: each once.
        count: maximum per session.
        related: relations to prefetch, with one more query each.
    """
    fields = model._meta.concrete_fields
    names = [field.attname for field in fields]
    query = QUERY.format(
        columns=", ".join(f"newest.{field.column}" for field in fields),
        table=model._meta.db_table,
        # Of rows with the same time, the one written last is the newest.
        order="time DESC, id DESC" if "id" in names else "time DESC",
    )
    with connection.cursor() as cursor:
        cursor.execute(query, {"sessions": session_ids, "count": count})
        stored = cursor.fetchall()
    # As Django does with rows of its own queries.
    for index, field in enumerate(fields):
        if hasattr(field, "from_db_value"):
            stored = [_converted(row, index, field) for row in stored]
    rows = [model.from_db(connection.alias, names, row) for row in stored]
    models.prefetch_related_objects(rows, *related)
    found: dict[int, list[Any]] = defaultdict(list)
    for row in rows:
        found[row.session_id].append(row)
    return found


def _converted(row: tuple[Any, ...], index: int, field: Any) -> tuple[Any, ...]:
    value = field.from_db_value(row[index], None, connection)
    return (*row[:index], value, *row[index + 1 :])
