"""Tells open pages that somebody has seen anomalies, wherever that was said."""

import logging
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from dashboard.live.broadcast import broadcast_anomalies
from dashboard.live.outages import UNAVAILABLE
from sessions_app.telemetry.outages import log_failure

logger = logging.getLogger(__name__)


def tell_pages(sender: Any, anomaly_ids: Sequence[UUID], **details: Any) -> None:
    """Receives :data:`anomalies_app.review.acknowledged`."""
    try:
        broadcast_anomalies(anomaly_ids)
    except UNAVAILABLE as error:
        # It is stored; pages see it in their next snapshot.
        log_failure(logger, "Pages are not told of an acknowledgement", error)
