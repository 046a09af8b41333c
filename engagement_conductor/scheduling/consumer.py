"""The worker's consumer, which keeps retrying a broker that refuses commands."""

import logging
import time

from celery.worker.consumer import Consumer

from sessions_app.telemetry.outages import log_failure

logger = logging.getLogger(__name__)

# Such a broker still accepts connections, so Celery itself would retry without any delay.
RETRY_SECONDS = 1.0


class RetryingConsumer(Consumer):
    """Celery's consumer, for a broker that is up but refuses commands, as with full memory."""

    def on_connection_error_before_connected(self, exc: Exception) -> None:
        """Waits a second. Celery would log every attempt, and retry at once."""
        log_failure(logger, "The broker refuses this worker", exc)
        time.sleep(RETRY_SECONDS)
