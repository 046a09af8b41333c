"""Queries of anomalies: visible ones, open ones, the scores around them, rates of false alarms."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, NamedTuple, Self
from uuid import UUID

from django.db import connections, models
from django.db.models import Count, Q

from sessions_app.queries.latest_rows import newest_of_sessions
from sessions_app.queries.querysets import VisibleQuerySet

# The overall bounds let TimescaleDB exclude chunks while it plans the query.
_COURSES = """
SELECT anomaly.number, metric.time, metric.score
FROM unnest(%(sessions)s::bigint[], %(times)s::timestamptz[])
    WITH ORDINALITY AS anomaly (session_id, time, number)
CROSS JOIN LATERAL (
    SELECT time, score FROM engagement_metrics
    WHERE session_id = anomaly.session_id
        AND time BETWEEN anomaly.time - %(around)s AND anomaly.time + %(around)s
        AND time BETWEEN %(first)s AND %(last)s
) AS metric
ORDER BY anomaly.number, metric.time
"""


class ReviewedCount(NamedTuple):
    """How many anomalies of a group have a verdict, and how many of those were false alarms."""

    name: str
    reviewed: int
    false_alarms: int

    @property
    def rate(self) -> float:
        """The share of false alarms, in [0, 1]."""
        return self.false_alarms / self.reviewed


class AnomalyQuerySet(VisibleQuerySet):
    """Anomalies; one that was left open by a session that has ended, ended with it."""

    ORGANIZERS = "session__event__organizers"

    def open(self) -> Self:
        """Those that are open, in sessions that have not ended."""
        return self.filter(ended_at__isnull=True, session__ended_at__isnull=True)

    def ended(self) -> Self:
        """Those that have ended, or whose sessions have."""
        return self.exclude(ended_at__isnull=True, session__ended_at__isnull=True)

    def with_status(self, status: str) -> Self:
        """Those whose :attr:`Anomaly.status` is ``status``."""
        if status in ("OPEN", "ACKNOWLEDGED"):
            return self.filter(verdict="", acknowledged_at__isnull=status == "OPEN")
        return self.filter(verdict=status)

    def latest_open_by_session(self, session_ids: list[int]) -> dict[int, Any]:
        """The newest open anomaly of each of these sessions that has one, by session key."""
        newest = (
            self.open()
            .filter(session_id__in=session_ids)
            .select_related("acknowledged_by")
            .order_by("session_id", "-time")
            .distinct("session_id")
        )
        return {anomaly.session_id: anomaly for anomaly in newest}

    def latest_of_sessions(self, session_ids: list[int], count: int) -> dict[int, list[Any]]:
        """The last ``count`` anomalies of each session, newest first, by session key."""
        newest = newest_of_sessions(self.model, session_ids, count, "acknowledged_by")
        return {key: newest[key] for key in session_ids}

    def counts_by_session(self, session_ids: list[int]) -> dict[int, int]:
        """The number of anomalies of each of these sessions that has any, by session key."""
        rows = self.filter(session_id__in=session_ids).values_list("session_id")
        return dict(rows.annotate(models.Count("pk")))

    def courses(
        self, anomalies: Iterable[Any], around: timedelta
    ) -> dict[UUID, list[tuple[datetime, float]]]:
        """The times and scores of each anomaly's session around it, oldest first, in one query.

        Args:
            around: how long before and after the time at which it was raised.
        """
        found: dict[UUID, list[tuple[datetime, float]]] = defaultdict(list)
        rows = list(anomalies)
        if not rows:
            return found
        times = [anomaly.time for anomaly in rows]
        with connections[self.db].cursor() as cursor:
            cursor.execute(
                _COURSES,
                {
                    "sessions": [anomaly.session_id for anomaly in rows],
                    "times": times,
                    "around": around,
                    "first": min(times) - around,
                    "last": max(times) + around,
                },
            )
            for number, time, score in cursor.fetchall():
                found[rows[number - 1].pk].append((time, score))
        return found

    def reviewed_by_field(self, field: str, since: datetime) -> list[ReviewedCount]:
        """Counts of those raised since ``since`` that have a verdict, grouped by ``field``.

        The most often reviewed groups come first.
        """
        rows = (
            self.filter(time__gte=since)
            .exclude(verdict="")
            .values_list(field)
            .annotate(
                reviewed=Count("pk"), false_alarms=Count("pk", filter=Q(verdict="FALSE_ALARM"))
            )
            .order_by("-reviewed", field)
        )
        return [ReviewedCount(*row) for row in rows]

    def locked(self, ids: list[UUID]) -> list[Any]:
        """Those with these IDs, locked until the transaction ends."""
        return list(self.filter(pk__in=ids).order_by("pk").select_for_update(of=("self",)))
