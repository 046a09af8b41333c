"""The data of an anomaly's chart: ten minutes of scores and signals around it."""

from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from anomalies_app.models import Anomaly
from sessions_app.models import EngagementMetric
from sessions_app.storage.locked_scores import ScoresLockedError, reading_scores

AROUND = timedelta(minutes=5)
DRAWN_SIGNALS = ("chat_msgs_per_min", "active_users", "reactions_per_min")


def course_payload(anomaly: Anomaly) -> dict[str, Any]:
    """The chart for the page's script, with a summary in words.

    Times are milliseconds since 1970.
    """
    start, end = anomaly.time - AROUND, anomaly.time + AROUND
    metrics: list[EngagementMetric] = []
    # The page is useful without its chart.
    with suppress(ScoresLockedError), reading_scores():
        metrics = list(
            EngagementMetric.objects.filter(
                session_id=anomaly.session_id, time__range=(start, end)
            ).order_by("time")
        )
    ended = anomaly.closed_at
    return {
        "start": _milliseconds(start),
        "end": _milliseconds(end),
        "raised": _milliseconds(anomaly.time),
        "over": None if ended is None else _milliseconds(ended),
        "expected": anomaly.expected_engagement,
        "summary": _summary(anomaly, metrics),
        "points": [
            {
                "time": _milliseconds(metric.time),
                "score": metric.score,
                **{name: getattr(metric, name) for name in DRAWN_SIGNALS},
            }
            for metric in metrics
        ],
    }


def _summary(anomaly: Anomaly, metrics: list[EngagementMetric]) -> str:
    if not metrics:
        return ""
    before = [metric.score for metric in metrics if metric.time < anomaly.time]
    after = [metric.score for metric in metrics if metric.time >= anomaly.time]
    parts = [
        f"{when}, the score was between {min(scores):.0%} and {max(scores):.0%}"
        for when, scores in (("Before", before), ("Afterwards", after))
        if scores
    ]
    return f"{'. '.join(parts)}. {anomaly.expected_engagement:.0%} was expected."


def _milliseconds(time: datetime) -> int:
    return round(time.timestamp() * 1000)
