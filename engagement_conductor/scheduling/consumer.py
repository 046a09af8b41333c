"""How a worker takes its tasks: from a broker that refuses again a second later, without a word."""

import logging
import time

from celery.worker.consumer import Consumer

from sessions_app.telemetry.outages import log_failure

logger = logging.getLogger(__name__)

# Connecting to a broker that refuses goes well, so that Celery itself would not wait at all.
RETRY_SECONDS = 1.0


class PatientConsumer(Consumer):
    """Celery's consumer, for a broker that is there and refuses, as one whose memory is full."""

    def on_connection_error_before_connected(self, exc: Exception) -> None:
        """Celery would write a line each time, and try again at once."""
        log_failure(logger, "The broker takes no worker", exc)
        time.sleep(RETRY_SECONDS)
