"""How many requests a token may make: counted on Redis, for all web processes together."""

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
    """What is left of a token's requests.

    Attributes:
        remaining: below 0 when this request is one too many.
        reset_seconds: until the count begins anew.
    """

    remaining: int
    reset_seconds: int

    @property
    def headers(self) -> dict[str, str]:
        """Response headers, as draft-ietf-httpapi-ratelimit-headers has them."""
        allowed = settings.API_REQUESTS_PER_MINUTE
        return {
            "RateLimit-Policy": f'"default";q={allowed};w={WINDOW_SECONDS}',
            "RateLimit": f'"default";r={max(0, self.remaining)};t={self.reset_seconds}',
        }


def take_request(token_id: int) -> Quota:
    """Counts a request. While Redis is away nothing is counted, and everything is allowed.

    One key a token, which expires with the minute, bounds the memory.
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
        log_failure(logger, "Requests of the API are not counted", error)
        count = 1
    return Quota(settings.API_REQUESTS_PER_MINUTE - count, reset)


def _client() -> "redis.Redis":
    """This process' connections, which threads share."""
    url = settings.REDIS_URL
    if url not in _clients:
        _clients[url] = connect(
            socket_timeout=TIMEOUT_SECONDS, socket_connect_timeout=TIMEOUT_SECONDS
        )
    return _clients[url]
