"""The worker's consumer, which keeps retrying a broker that is away or refuses commands."""

import logging
import time

from celery.worker.consumer import Consumer

from sessions_app.telemetry.outages import log_failure

logger = logging.getLogger(__name__)

# Such a broker still accepts connections, so Celery itself would retry without any delay.
RETRY_SECONDS = 1.0


class RetryingConsumer(Consumer):
    """Celery's consumer, for a broker that restarts, or refuses commands, as with full memory."""

    def on_connection_error_before_connected(self, exc: Exception) -> None:
        """Waits a second. Celery would log every attempt, and retry at once."""
        log_failure(logger, "The broker refuses this worker", exc)
        time.sleep(RETRY_SECONDS)

    def on_connection_error_after_connected(self, exc: Exception) -> None:
        """Closes the broken connection, as well as that is possible.

        Kombu cannot always close a connection with unacknowledged tasks: it tries to put them back
        into a queue that it can no longer reach. That error would end the worker. Celery has
        forgotten the connection by then, and makes a new one; tasks that were not put back expire.
        """
        try:
            super().on_connection_error_after_connected(exc)
        except Exception as error:  # noqa: BLE001 - whatever it is, the connection is gone
            logger.warning("The broken connection to the broker was not closed: %s", error)
            self.connection = None
