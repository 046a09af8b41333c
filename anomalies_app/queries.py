"""Which anomalies are open, who may see them, what was around them, and how many were false."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, NamedTuple, Self
from uuid import UUID

from django.db import connections, models
from django.db.models import Count, Q

from sessions_app.queries.latest_rows import newest_of_sessions
from sessions_app.queries.querysets import VisibleQuerySet

# The global bounds let a hypertable leave out its other chunks before it looks into any.
_COURSES = """
SELECT place.number, metric.time, metric.score
FROM unnest(%(sessions)s::bigint[], %(times)s::timestamptz[])
    WITH ORDINALITY AS place (session_id, time, number)
CROSS JOIN LATERAL (
    SELECT time, score FROM engagement_metrics
    WHERE session_id = place.session_id
        AND time BETWEEN place.time - %(around)s AND place.time + %(around)s
        AND time BETWEEN %(first)s AND %(last)s
) AS metric
ORDER BY place.number, metric.time
"""


class Judged(NamedTuple):
    """How many anomalies of a kind were judged, and how many of them were false alarms."""

    name: str
    judged: int
    false: int

    @property
    def rate(self) -> float:
        return self.false / self.judged


class AnomalyQuerySet(VisibleQuerySet):
    """Anomalies. One that was left open by a session that is over, is over with it."""

    ORGANIZERS = "session__event__organizers"

    def open(self) -> Self:
        """Those that go on, in sessions that go on."""
        return self.filter(ended_at__isnull=True, session__ended_at__isnull=True)

    def over(self) -> Self:
        """All others."""
        return self.exclude(ended_at__isnull=True, session__ended_at__isnull=True)

    def with_status(self, status: str) -> Self:
        """Those whose :attr:`Anomaly.status` is ``status``."""
        if status in ("OPEN", "ACKNOWLEDGED"):
            return self.filter(verdict="", acknowledged_at__isnull=status == "OPEN")
        return self.filter(verdict=status)

    def latest_open_by_session(self, session_ids: list[int]) -> dict[int, Any]:
        """The newest open anomaly of each of these sessions that has one."""
        newest = (
            self.open()
            .filter(session_id__in=session_ids)
            .select_related("acknowledged_by")
            .order_by("session_id", "-time")
            .distinct("session_id")
        )
        return {anomaly.session_id: anomaly for anomaly in newest}

    def latest_of_sessions(self, session_ids: list[int], count: int) -> dict[int, list[Any]]:
        """The last ``count`` anomalies of each session, newest first, by its key."""
        newest = newest_of_sessions(self.model, session_ids, count, "acknowledged_by")
        return {key: newest[key] for key in session_ids}

    def counts_by_session(self, session_ids: list[int]) -> dict[int, int]:
        """How many anomalies each of these sessions had, where it had one."""
        rows = self.filter(session_id__in=session_ids).values_list("session_id")
        return dict(rows.annotate(models.Count("pk")))

    def courses(
        self, anomalies: Iterable[Any], around: timedelta
    ) -> dict[UUID, list[tuple[datetime, float]]]:
        """The scores of each anomaly's session around it, oldest first, in one query.

        Args:
            around: how long before and after the time when it was raised.
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

    def judged_by(self, field: str, since: datetime) -> list[Judged]:
        """Those raised since then that have a verdict, by ``type`` or another field.

        The most often judged come first.
        """
        rows = (
            self.filter(time__gte=since)
            .exclude(verdict="")
            .values_list(field)
            .annotate(judged=Count("pk"), false=Count("pk", filter=Q(verdict="FALSE_ALARM")))
            .order_by("-judged", field)
        )
        return [Judged(*row) for row in rows]

    def locked(self, ids: list[UUID]) -> list[Any]:
        """Those with these IDs, which nobody else can change until the transaction ends."""
        return list(self.filter(pk__in=ids).order_by("pk").select_for_update(of=("self",)))
