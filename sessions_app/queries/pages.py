"""Long lists read a page at a time, for downloads that take as much memory as one page.

Each page is a query of its own: while a slow client takes its time no transaction stays open.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

from channels.db import database_sync_to_async
from django.db.models import Q, QuerySet

PAGE_ROWS = 2_000


async def pages(rows: QuerySet[Any], after: Callable[[Any], Q]) -> AsyncIterator[Sequence[Any]]:
    """All of the rows, in pages.

    Args:
        rows: ordered, no two alike in what they are ordered by.
        after: what comes after a row.
    """
    read = database_sync_to_async(lambda some: list(some[:PAGE_ROWS]))
    page = await read(rows)
    while page:
        yield page
        page = await read(rows.filter(after(page[-1]))) if len(page) == PAGE_ROWS else []
