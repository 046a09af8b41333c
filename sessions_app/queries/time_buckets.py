"""A session's history in few points: its metrics in buckets of equal width."""

from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from django.db.models import DateTimeField, DurationField, Func, Value

from sessions_app.scoring.score import Signals
from sessions_app.ticks import TICK_SECONDS

MAXIMUM_BUCKETS = 300
TICK = timedelta(seconds=TICK_SECONDS)
# Buckets start at multiples of their width since the epoch, so that they stay in place while the
# requested range moves on.
EPOCH = datetime.fromtimestamp(0, UTC)


class Bucket(NamedTuple):
    """Consecutive ticks of a session.

    Attributes:
        time: its start; it contains the points from then until before ``time + width``.
        width: a whole number of ticks.
        points: number of scored ticks, at least 1.
        average, lowest, highest: of their scores, in [0, 1].
        signals: the average of each.
    """

    time: datetime
    width: timedelta
    points: int
    average: float
    lowest: float
    highest: float
    signals: Signals


class TimeBucket(Func):
    """The bucket that contains a time: ``time_bucket`` on TimescaleDB, else ``date_bin``."""

    output_field = DateTimeField()
    arity = 3

    def __init__(self, width: timedelta, time: str) -> None:
        super().__init__(
            Value(width, output_field=DurationField()),
            time,
            Value(EPOCH, output_field=DateTimeField()),
        )

    def as_sql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        function = "time_bucket" if connection.has_timescaledb else "date_bin"
        return super().as_sql(compiler, connection, function=function, **context)


def bucket_width(start: datetime, end: datetime, most: int = MAXIMUM_BUCKETS) -> timedelta:
    """The smallest whole number of ticks for which ``most`` buckets cover start to end.

    Raises:
        ValueError: ``end`` is before ``start``, or ``most`` below 2.
    """
    if end < start or most < 2:
        raise ValueError(f"from {start} to {end} in {most} buckets")
    # A range n widths long spans at most n + 1 buckets.
    ticks = -((start - end) // ((most - 1) * TICK))
    return max(1, ticks) * TICK
