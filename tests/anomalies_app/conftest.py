"""An anomaly, and what the platform is told of such."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import redis

from anomalies_app.models import Anomaly
from sessions_app.redis_access import keys
from tests.factories import Cast, make_anomaly, make_notice


@pytest.fixture
def anomaly(cast: Cast) -> Anomaly:
    return make_anomaly(make_notice(cast.session))


@pytest.fixture
def told(redis_client: redis.Redis) -> Iterator[redis.client.PubSub]:
    with redis_client.pubsub(ignore_subscribe_messages=True) as subscription:
        subscription.subscribe(keys.ANOMALY_DETECTED, keys.ANOMALY_UPDATED)
        for _ in subscription.channels:
            subscription.get_message(timeout=1)  # that it listens
        yield subscription


def messages(subscription: redis.client.PubSub) -> list[tuple[str, dict[str, Any]]]:
    """The channels and payloads of all that came since the last call."""
    found = []
    while (message := subscription.get_message(timeout=0.3)) is not None:
        found.append((message["channel"].decode(), json.loads(message["data"])))
    return found
