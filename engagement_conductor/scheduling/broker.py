"""The broker connection of worker and beat, which reconnects within seconds of any outage."""

from collections.abc import Callable
from typing import Any

from celery.app.amqp import AMQP
from kombu import Connection

DELAY_SECONDS = {"interval_start": 0.5, "interval_step": 0.5, "interval_max": 5.0}


class BrokerConnection(Connection):
    """Kombu's connection, with at most 5 s between attempts instead of half a minute."""

    def ensure_connection(
        self,
        errback: Callable[..., object] | None = None,
        max_retries: int | None = None,
        **options: Any,
    ) -> Connection:
        return super().ensure_connection(errback, max_retries, **{**DELAY_SECONDS, **options})


class Amqp(AMQP):
    """Celery's factory of connections, using the class above."""

    Connection = BrokerConnection
