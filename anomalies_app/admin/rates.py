"""The rates of false alarms among reviewed anomalies."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.utils import timezone

from anomalies_app.models import Anomaly, AnomalyType
from anomalies_app.queries import ReviewedCount
from sessions_app.models import Event

RATED_DAYS = 90
RATED_EVENTS = 10


class FalseAlarms(NamedTuple):
    """The verdicts on recent anomalies.

    Attributes:
        days: how far back.
        total: of all of them; None if there is no verdict.
        by_type, by_event: the most often reviewed first.
    """

    days: int
    total: ReviewedCount | None
    by_type: Sequence[ReviewedCount]
    by_event: Sequence[ReviewedCount]


def false_alarms(now: datetime | None = None) -> FalseAlarms:
    """The rates of the last :data:`RATED_DAYS` days, in three queries at most."""
    since = (now or timezone.now()) - timedelta(days=RATED_DAYS)
    by_type = Anomaly.objects.reviewed_by_field("type", since)
    if not by_type:
        return FalseAlarms(RATED_DAYS, None, [], [])
    reviewed = sum(row.reviewed for row in by_type)
    false = sum(row.false_alarms for row in by_type)
    by_event = Anomaly.objects.reviewed_by_field("session__event_id", since)[:RATED_EVENTS]
    titles = Event.objects.in_bulk([row.name for row in by_event])
    return FalseAlarms(
        RATED_DAYS,
        ReviewedCount("all", reviewed, false),
        [row._replace(name=AnomalyType(row.name).label) for row in by_type],
        [row._replace(name=_title(titles, row.name)) for row in by_event],
    )


def _title(events: dict[Any, Event], key: Any) -> str:
    return events[key].title if key in events else "deleted event"
