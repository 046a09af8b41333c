"""The list of anomalies as CSV."""

from collections.abc import AsyncIterator
from typing import Any

from channels.db import database_sync_to_async
from django.db.models import Q, QuerySet
from django.http import StreamingHttpResponse

from anomalies_app.models import Anomaly
from sessions_app.spreadsheets import csv_text

PAGE_ROWS = 2_000
COLUMNS = (
    "id",
    "time",
    "ended_at",
    "event",
    "session",
    "title",
    "type",
    "severity",
    "anomaly_score",
    "current_engagement",
    "expected_engagement",
    "deviation",
    "reason",
    "status",
    "acknowledged_at",
    "acknowledged_by",
    "verdict",
    "verdict_note",
    "reviewed_at",
    "reviewed_by",
)


def anomalies_as_csv(anomalies: QuerySet[Any]) -> StreamingHttpResponse:
    """A download that is read page by page, so that its size does not matter; newest first."""
    response = StreamingHttpResponse(_parts(anomalies), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = 'attachment; filename="anomalies.csv"'
    return response


async def _parts(anomalies: QuerySet[Any]) -> AsyncIterator[str]:
    yield csv_text([COLUMNS])
    rows = anomalies.select_related("session", "event", "acknowledged_by", "reviewed_by").order_by(
        "-time", "-id"
    )
    read = database_sync_to_async(lambda some: list(some[:PAGE_ROWS]))
    page = await read(rows)
    while page:
        yield csv_text(map(_row, page))
        if len(page) < PAGE_ROWS:
            return
        last = page[-1]
        page = await read(rows.filter(before(last)))


def before(anomaly: Anomaly) -> Q:
    """What comes after an anomaly in the list; the first condition is for the index."""
    return Q(time__lte=anomaly.time) & (Q(time__lt=anomaly.time) | Q(pk__lt=anomaly.pk))


def _row(anomaly: Anomaly) -> tuple[Any, ...]:
    return (
        str(anomaly.pk),
        anomaly.time,
        anomaly.over_at,
        anomaly.event.external_id,
        anomaly.session.external_id,
        anomaly.session.title,
        anomaly.type,
        anomaly.severity,
        anomaly.anomaly_score,
        anomaly.current_engagement,
        anomaly.expected_engagement,
        anomaly.deviation,
        anomaly.reason,
        anomaly.status.value,
        anomaly.acknowledged_at,
        _name(anomaly.acknowledged_by),
        anomaly.verdict,
        anomaly.verdict_note,
        anomaly.reviewed_at,
        _name(anomaly.reviewed_by),
    )


def _name(user: Any) -> str:
    return "" if user is None else user.get_username()
