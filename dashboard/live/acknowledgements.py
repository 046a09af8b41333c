"""Shows acknowledgements of anomalies on the open pages, wherever they were made."""

import logging
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from dashboard.live.broadcast import broadcast_anomalies
from sessions_app.telemetry.outages import SERVER_ERRORS, log_failure

logger = logging.getLogger(__name__)


def broadcast_acknowledged(sender: Any, anomaly_ids: Sequence[UUID], **details: Any) -> None:
    """Receives :data:`anomalies_app.review.acknowledged`."""
    try:
        broadcast_anomalies(anomaly_ids)
    except SERVER_ERRORS as error:
        # It is stored; pages have it in their next snapshot.
        log_failure(logger, "Open pages do not show an acknowledgement", error)
