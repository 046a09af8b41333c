"""How many requests a token may make in a minute."""

from typing import Any

import pytest
import redis

from dashboard.api import limits
from engagement_conductor.local_stack import ports
from tests.dashboard.api.described import Program
from tests.factories import (
    Cast,
)

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("redis_client")]


def test_too_many_requests_are_refused(cast: Cast, platform: Program, settings: Any) -> None:
    settings.API_REQUESTS_PER_MINUTE = 2
    # Around the end of a minute the count begins anew: then a few more are allowed.
    statuses = [platform.get("/events/").status_code for _ in range(6)]
    assert statuses[:2] == [200, 200]
    assert 429 in statuses
    while (response := platform.get("/events/")).status_code != 429:
        pass
    assert 1 <= int(response.headers["Retry-After"]) <= limits.WINDOW_SECONDS
    assert response.headers["RateLimit"].startswith('"default";r=0;')


def test_counts_of_requests_expire(
    cast: Cast, platform: Program, redis_client: redis.Redis
) -> None:
    platform.get("/events/")
    (key,) = redis_client.keys("engagement:api:*")
    assert 0 < redis_client.ttl(key) <= limits.WINDOW_SECONDS


def test_without_redis_it_goes_on(cast: Cast, platform: Program, settings: Any) -> None:
    settings.REDIS_URL = f"redis://127.0.0.1:{ports.find_free()}"
    assert platform.get("/sessions/").status_code == 200
