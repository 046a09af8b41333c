"""Tells open pages that somebody has seen an anomaly, wherever that was said."""

import logging
from typing import Any

import redis

from anomalies_app.models import Anomaly
from dashboard.broadcast import broadcast_anomaly
from sessions_app.outages import log_failure

logger = logging.getLogger(__name__)


def tell_pages(sender: Any, anomaly: Anomaly, **details: Any) -> None:
    """Receives :data:`anomalies_app.review.acknowledged`."""
    try:
        broadcast_anomaly(anomaly)
    except (redis.RedisError, OSError) as error:
        # It is stored; pages see it in their next snapshot.
        log_failure(logger, "Pages are not told of an acknowledgement", error)
