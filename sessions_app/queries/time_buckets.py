"""The past of a session in few points: its metrics in buckets of equal width."""

from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from django.db.models import DateTimeField, DurationField, Func, Value

from sessions_app.scoring.score import Signals
from sessions_app.ticks import TICK_SECONDS

MOST_BUCKETS = 300
TICK = timedelta(seconds=TICK_SECONDS)
# Buckets begin at multiples of their width since then, so that they stay where they are while the
# range that is asked for moves on.
EPOCH = datetime.fromtimestamp(0, UTC)


class Bucket(NamedTuple):
    """Some consecutive ticks of a session.

    Attributes:
        time: when it begins; it holds what bears this time or a later one within ``width``.
        width: a whole number of ticks.
        points: ticks that were scored, at least 1.
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
    """The bucket that a time lies in: ``time_bucket`` on TimescaleDB, elsewhere ``date_bin``."""

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


def bucket_width(start: datetime, end: datetime, most: int = MOST_BUCKETS) -> timedelta:
    """The smallest whole number of ticks with which ``most`` buckets hold all from start to end.

    Raises:
        ValueError: ``end`` is before ``start``, or ``most`` below 2.
    """
    if end < start or most < 2:
        raise ValueError(f"from {start} to {end} in {most} buckets")
    # A range that is n widths long lies in at most n + 1 buckets.
    ticks = -((start - end) // ((most - 1) * TICK))
    return max(1, ticks) * TICK
