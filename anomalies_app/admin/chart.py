"""What the chart of an anomaly shows: ten minutes of scores and signals around it."""

from datetime import timedelta
from typing import Any

from anomalies_app.models import Anomaly
from sessions_app.models import EngagementMetric

AROUND = timedelta(minutes=5)
DRAWN_SIGNALS = ("chat_msgs_per_min", "active_users", "reactions_per_min")


def course_payload(anomaly: Anomaly) -> dict[str, Any]:
    """For the page's script; times are milliseconds since 1970."""
    start, end = anomaly.time - AROUND, anomaly.time + AROUND
    metrics = EngagementMetric.objects.filter(
        session_id=anomaly.session_id, time__range=(start, end)
    ).order_by("time")
    over = anomaly.ended_at or anomaly.session.ended_at
    return {
        "start": _milliseconds(start),
        "end": _milliseconds(end),
        "raised": _milliseconds(anomaly.time),
        "over": None if over is None else _milliseconds(over),
        "expected": anomaly.expected_engagement,
        "points": [
            {
                "time": _milliseconds(metric.time),
                "score": metric.score,
                **{name: getattr(metric, name) for name in DRAWN_SIGNALS},
            }
            for metric in metrics
        ],
    }


def _milliseconds(time: Any) -> int:
    return round(time.timestamp() * 1000)
