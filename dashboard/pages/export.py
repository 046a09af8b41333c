"""Downloads of a session's metrics and anomalies, as CSV or JSON.

Rows are read page by page (:mod:`sessions_app.queries.pages`), by their primary key.
"""

from collections.abc import AsyncIterator, Callable
from datetime import datetime
from typing import Any, NamedTuple

import msgspec
from django.contrib.auth.models import AbstractBaseUser
from django.db.models import Q, QuerySet

from anomalies_app.models import REVIEW_COLUMNS, Anomaly
from anomalies_app.records import COLUMNS
from sessions_app.models import EngagementMetric, Session
from sessions_app.queries.pages import pages
from sessions_app.recordings.safe_csv import csv_text
from sessions_app.scoring.score import Signals, category

COUNTS = ("chat_count", "reaction_count", "join_count", "leave_count", "vote_count")

Row = tuple[Any, ...]
_encode = msgspec.json.Encoder().encode


class Records(NamedTuple):
    """A kind of rows of a session.

    Attributes:
        columns: column names, including ``time``, which is unique within a session.
        rows: the rows of a session, in any order.
        row: the values of a row, in column order.
    """

    columns: tuple[str, ...]
    rows: Callable[[Session], QuerySet[Any]]
    row: Callable[[Any], Row]


class Range(NamedTuple):
    """A range of time, both ends inclusive; None leaves that end open."""

    start: datetime | None = None
    end: datetime | None = None

    def within(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        """The rows within the range."""
        if self.start is not None:
            rows = rows.filter(time__gte=self.start)
        return rows if self.end is None else rows.filter(time__lte=self.end)


def _metric_row(metric: EngagementMetric) -> Row:
    counts = (getattr(metric, name) for name in COUNTS)
    return metric.time, metric.score, category(metric.score), *metric.signals, *counts


def _anomaly_row(anomaly: Anomaly) -> Row:
    record = anomaly.record()
    review = (getattr(anomaly, name) for name in REVIEW_COLUMNS)
    return (
        str(record.id),
        record.began_at,
        record.ended_at,
        *record.columns().values(),
        *(str(value) if isinstance(value, AbstractBaseUser) else value for value in review),
        *(getattr(record.signals, name, None) for name in Signals._fields),
    )


RECORDS = {
    "metrics": Records(
        ("time", "score", "category", *Signals._fields, *COUNTS),
        lambda session: EngagementMetric.objects.filter(session=session),
        _metric_row,
    ),
    "anomalies": Records(
        ("id", "time", "ended_at", *COLUMNS, *REVIEW_COLUMNS, *Signals._fields),
        lambda session: Anomaly.objects.filter(session=session).select_related(
            "session", "acknowledged_by", "reviewed_by"
        ),
        _anomaly_row,
    ),
}


async def csv_parts(records: Records, session: Session, span: Range) -> AsyncIterator[str]:
    """A header, then one line per row in order of time, each beginning with the session."""
    prefix = (session.external_id, session.title)
    yield csv_text([("session", "title", *records.columns)])
    async for page in pages(_rows(records, session, span), _after):
        yield csv_text((*prefix, *records.row(item)) for item in page)


async def json_parts(
    records: Records, session: Session, span: Range, name: str
) -> AsyncIterator[bytes]:
    """One object: the session, the range, and under ``name`` one object per row, by time."""
    head = {
        "session": session.external_id,
        "title": session.title,
        "from": span.start,
        "to": span.end,
    }
    yield _encode(head)[:-1] + b"," + _encode(name) + b":["
    separator = b"\n"
    async for page in pages(_rows(records, session, span), _after):
        objects = (dict(zip(records.columns, records.row(item), strict=True)) for item in page)
        yield separator + b",\n".join(map(_encode, objects))
        separator = b",\n"
    yield b"\n]}\n"


def _rows(records: Records, session: Session, span: Range) -> QuerySet[Any]:
    return span.within(records.rows(session)).order_by("time")


def _after(row: Any) -> Q:
    return Q(time__gt=row.time)
