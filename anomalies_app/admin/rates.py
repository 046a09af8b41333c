"""How often alerts were false, according to those who judged them."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.utils import timezone

from anomalies_app.models import Anomaly, AnomalyType
from anomalies_app.queries import Judged
from sessions_app.models import Event

RATED_DAYS = 90
RATED_EVENTS = 10


class FalseAlarms(NamedTuple):
    """What became of the anomalies that were judged lately.

    Attributes:
        days: how far back.
        total: all together; None if none was judged.
        by_type, by_event: the most often judged first.
    """

    days: int
    total: Judged | None
    by_type: Sequence[Judged]
    by_event: Sequence[Judged]


def false_alarms(now: datetime | None = None) -> FalseAlarms:
    """The rates of the last months, in three queries at most."""
    since = (now or timezone.now()) - timedelta(days=RATED_DAYS)
    by_type = Anomaly.objects.judged_by("type", since)
    if not by_type:
        return FalseAlarms(RATED_DAYS, None, [], [])
    judged, false = sum(row.judged for row in by_type), sum(row.false for row in by_type)
    by_event = Anomaly.objects.judged_by("session__event_id", since)[:RATED_EVENTS]
    titles = Event.objects.in_bulk([row.name for row in by_event])
    return FalseAlarms(
        RATED_DAYS,
        Judged("all", judged, false),
        [row._replace(name=AnomalyType(row.name).label) for row in by_type],
        [row._replace(name=_title(titles, row.name)) for row in by_event],
    )


def _title(events: dict[Any, Event], key: Any) -> str:
    return events[key].title if key in events else "deleted event"
