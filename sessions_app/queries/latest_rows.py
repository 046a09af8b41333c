"""The newest rows of each of many sessions, in one query."""

from collections import defaultdict
from typing import Any

from django.db import connection, models

# One look into the index per session; a window function would read all rows of all sessions.
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
    """The last ``count`` rows of each session, newest first, by its key; none of one without any.

    Args:
        model: has a ``session_id`` and a ``time``.
        session_ids: each once.
        count: of each session, at most.
        related: what is fetched with them, by one more query each where there is any.
    """
    fields = model._meta.concrete_fields
    names = [field.attname for field in fields]
    query = QUERY.format(
        columns=", ".join(f"newest.{field.column}" for field in fields),
        table=model._meta.db_table,
        # Of rows of the same time the one that was written last is the newest.
        order="time DESC, id DESC" if "id" in names else "time DESC",
    )
    with connection.cursor() as cursor:
        cursor.execute(query, {"sessions": session_ids, "count": count})
        stored = cursor.fetchall()
    # As Django does with what it has asked for itself.
    for place, field in enumerate(fields):
        if hasattr(field, "from_db_value"):
            stored = [_converted(row, place, field) for row in stored]
    rows = [model.from_db(connection.alias, names, row) for row in stored]
    models.prefetch_related_objects(rows, *related)
    found: dict[int, list[Any]] = defaultdict(list)
    for row in rows:
        found[row.session_id].append(row)
    return found


def _converted(row: tuple[Any, ...], place: int, field: Any) -> tuple[Any, ...]:
    value = field.from_db_value(row[place], None, connection)
    return (*row[:place], value, *row[place + 1 :])
