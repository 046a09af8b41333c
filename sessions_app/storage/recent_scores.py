"""The last minutes of many sessions in one query, for pages that list them."""

from datetime import datetime, timedelta
from typing import NamedTuple

from django.db import connection

from sessions_app.models import EngagementMetric
from sessions_app.scoring.score import Signals
from sessions_app.ticks import TICK_SECONDS

LATEST = ("session_id", "time", "score", *Signals._fields)
# One index lookup per session; DISTINCT ON would read all rows of all sessions. Scores are returned
# as whole percents, halves up: the driver takes longer to parse 30,000 floats than the query takes.
# PostgreSQL's own round() of a double goes to the even neighbour.
QUERY = f"""
    SELECT {", ".join(f"latest.{name}" for name in LATEST)}, history.ticks, history.percents
    FROM unnest(%(sessions)s::bigint[]) AS wanted (id)
    CROSS JOIN LATERAL (
        SELECT * FROM engagement_metrics
        WHERE session_id = wanted.id AND time > %(oldest)s
        ORDER BY time DESC LIMIT 1
    ) latest
    CROSS JOIN LATERAL (
        SELECT
            array_agg((extract(epoch FROM time) / {TICK_SECONDS})::int4 ORDER BY time) AS ticks,
            array_agg(floor(score * 100 + 0.5)::int2 ORDER BY time) AS percents
        FROM engagement_metrics
        WHERE session_id = wanted.id AND time > latest.time - %(length)s AND time <= latest.time
    ) history
"""  # noqa: S608


class RecentScores(NamedTuple):
    """The recent scores of one session.

    Attributes:
        latest: its newest row.
        percents: score of each tick up to that row, oldest first; None for ticks without one.
    """

    latest: EngagementMetric
    percents: list[int | None]


def recent_scores(session_ids: list[int], points: int, oldest: datetime) -> dict[int, RecentScores]:
    """The last ``points`` ticks of each session with a score after ``oldest``, by database key."""
    length = timedelta(seconds=points * TICK_SECONDS)
    parameters = {"sessions": session_ids, "oldest": oldest, "length": length}
    with connection.cursor() as cursor:
        cursor.execute(QUERY, parameters)
        return {
            row[0]: RecentScores(
                EngagementMetric(**dict(zip(LATEST, row, strict=False))), _by_tick(*row[-2:])
            )
            for row in cursor.fetchall()
        }


def _by_tick(ticks: list[int], percents: list[int]) -> list[int | None]:
    slots: list[int | None] = [None] * (ticks[-1] - ticks[0] + 1)
    for tick, percent in zip(ticks, percents, strict=True):
        slots[tick - ticks[0]] = percent
    return slots
