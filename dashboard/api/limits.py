"""Rate limit per token, counted on Redis across all web processes."""

import logging
import time
from typing import NamedTuple

import redis
from django.conf import settings

from sessions_app.redis_access import keys
from sessions_app.redis_access.client import REDIS_ERRORS, connect
from sessions_app.telemetry.outages import log_failure

logger = logging.getLogger(__name__)

WINDOW_SECONDS = 60
TIMEOUT_SECONDS = 1

_clients: dict[str, "redis.Redis"] = {}


class Quota(NamedTuple):
    """What is left of a token's request quota.

    Attributes:
        remaining: requests left; below 0 if this one exceeds the quota.
        reset_seconds: until the quota is reset.
    """

    remaining: int
    reset_seconds: int

    @property
    def headers(self) -> dict[str, str]:
        """Response headers according to draft-ietf-httpapi-ratelimit-headers."""
        allowed = settings.API_REQUESTS_PER_MINUTE
        return {
            "RateLimit-Policy": f'"default";q={allowed};w={WINDOW_SECONDS}',
            "RateLimit": f'"default";r={max(0, self.remaining)};t={self.reset_seconds}',
        }


def take_request(token_id: int) -> Quota:
    """Counts a request. While Redis is unavailable nothing is counted and everything is allowed.

    Memory is bounded: one key per token, which expires within a minute.
    """
    now = time.time()
    window, passed = divmod(now, WINDOW_SECONDS)
    reset = max(1, round(WINDOW_SECONDS - passed))
    key = keys.api_requests(token_id, int(window))
    try:
        with _client().pipeline(transaction=True) as pipeline:
            pipeline.incr(key)
            pipeline.expire(key, WINDOW_SECONDS)
            count = pipeline.execute()[0]
    except REDIS_ERRORS as error:
        log_failure(logger, "API requests are not being counted", error)
        count = 1
    return Quota(settings.API_REQUESTS_PER_MINUTE - count, reset)


def _client() -> "redis.Redis":
    """This process's connections, shared by its threads."""
    url = settings.REDIS_URL
    if url not in _clients:
        _clients[url] = connect(
            socket_timeout=TIMEOUT_SECONDS, socket_connect_timeout=TIMEOUT_SECONDS
        )
    return _clients[url]
