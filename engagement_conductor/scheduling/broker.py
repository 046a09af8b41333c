"""The connection of worker and beat to the broker: back in seconds, however long it was gone."""

from collections.abc import Callable
from typing import Any

from celery.app.amqp import AMQP
from kombu import Connection

DELAY_SECONDS = {"interval_start": 0.5, "interval_step": 0.5, "interval_max": 5.0}


class BrokerConnection(Connection):
    """Kombu's connection, which by itself would wait up to half a minute between two attempts."""

    def ensure_connection(
        self,
        errback: Callable[..., object] | None = None,
        max_retries: int | None = None,
        **options: Any,
    ) -> Connection:
        return super().ensure_connection(errback, max_retries, **{**DELAY_SECONDS, **options})


class Amqp(AMQP):
    """Celery's factory of connections, for the one above."""

    Connection = BrokerConnection
