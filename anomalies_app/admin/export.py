"""The list of anomalies as CSV."""

from collections.abc import AsyncIterator
from typing import Any

from django.db.models import Q, QuerySet
from django.db.models.functions import Coalesce
from django.http import StreamingHttpResponse

from anomalies_app.models import REVIEW_COLUMNS, status_of
from anomalies_app.records import COLUMNS as VALUE_COLUMNS
from sessions_app.queries.pages import pages
from sessions_app.recordings.safe_csv import csv_text

# Each with where it is read from. Whole rows take several times as long to read.
COLUMNS = {
    "id": "id",
    "time": "time",
    "ended_at": Coalesce("ended_at", "session__ended_at"),
    "event": "session__event__external_id",
    "session": "session__external_id",
    "title": "session__title",
    **{name: name for name in (*VALUE_COLUMNS, *REVIEW_COLUMNS)},
    "acknowledged_by": "acknowledged_by__username",
    "reviewed_by": "reviewed_by__username",
}


def anomalies_as_csv(anomalies: QuerySet[Any]) -> StreamingHttpResponse:
    """A download that is read page by page, so that its size does not matter; newest first."""
    response = StreamingHttpResponse(_parts(anomalies), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = 'attachment; filename="anomalies.csv"'
    return response


async def _parts(anomalies: QuerySet[Any]) -> AsyncIterator[str]:
    yield csv_text([(*COLUMNS, "status")])
    rows = anomalies.order_by("-time", "-id").values_list(*COLUMNS.values())
    async for page in pages(rows, _after):
        yield csv_text(_cells(dict(zip(COLUMNS, row, strict=True))) for row in page)


def _after(row: tuple[Any, ...]) -> Q:
    """What comes after an anomaly in the list; the first condition is for the index."""
    key, time, *_ = row
    return Q(time__lte=time) & (Q(time__lt=time) | Q(pk__lt=key))


def _cells(row: dict[str, Any]) -> tuple[Any, ...]:
    status = status_of(row["verdict"], row["acknowledged_at"])
    return *(row | {"id": str(row["id"])}).values(), status.value
