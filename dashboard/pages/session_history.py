"""A range of a session for its chart, in a bounded number of points."""

from datetime import datetime, timedelta
from typing import Any

from dashboard.formatting.presentation import RANGES
from dashboard.formatting.rounding import (
    chart_score,
    shown_ratio,
    shown_signals,
    whole_percent,
)
from dashboard.pages.payloads import milliseconds
from sessions_app.models import EngagementMetric
from sessions_app.queries.time_buckets import TICK, Bucket, bucket_width
from sessions_app.scoring.score import category


def session_history(session_id: int, name: str) -> dict[str, Any]:
    """A range that ends with the last point of a session, for its chart.

    Args:
        name: one of :data:`dashboard.formatting.presentation.RANGES`.

    Returns:
        ``points``, oldest first: each like any other point, plus the time of its first tick as
        ``since`` and of its last as ``time``, the ``count`` of its ticks, and their ``lowest`` and
        ``highest`` scores; and ``step``, the milliseconds from one point to the next.
    """
    span = EngagementMetric.objects.span_of_session(session_id)
    if span is None:
        return {"range": name, "step": milliseconds_of(TICK), "points": []}
    first, last = span
    length = RANGES[name].length
    start = first if length is None else max(first, last - length + TICK)
    buckets = EngagementMetric.objects.history(session_id, start, last)
    return {
        "range": name,
        "step": milliseconds_of(bucket_width(start, last)),
        "points": [bucket_payload(bucket, start, last) for bucket in buckets],
    }


def bucket_payload(bucket: Bucket, start: datetime, end: datetime) -> dict[str, Any]:
    """One point of a range; the first and the last bucket are cut off at the ends of the range."""
    return {
        "since": milliseconds(max(start, bucket.time)),
        "time": milliseconds(min(end, bucket.time + bucket.width - TICK)),
        "score": chart_score(bucket.average),
        "percent": whole_percent(bucket.average),
        "category": category(bucket.average),
        "signals": shown_signals(bucket.signals),
        "count": bucket.points,
        "lowest": shown_ratio(bucket.lowest),
        "highest": shown_ratio(bucket.highest),
    }


def milliseconds_of(length: timedelta) -> int:
    """A duration for the browser."""
    return length // timedelta(milliseconds=1)
