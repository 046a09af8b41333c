"""Connections to Redis: every call has a timeout."""

from typing import Any

import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry


def connect(**options: Any) -> "redis.Redis":
    """A client of the Redis server of the settings, which connects at its first call.

    It does not retry by itself: whoever calls knows what may be repeated.
    """
    timeout = settings.REDIS_SOCKET_TIMEOUT.total_seconds()
    return redis.Redis.from_url(
        settings.REDIS_URL,
        **{
            "socket_timeout": timeout,
            "socket_connect_timeout": timeout / 2,
            "socket_keepalive": True,
            "retry": Retry(NoBackoff(), 0),
            **options,
        },
    )
