"""Which new sessions there is room for."""

from collections.abc import Callable
from typing import Any

import pytest
import redis

from sessions_app.models import Event, Session
from sessions_app.redis_access import keys
from sessions_app.redis_access.client import server_time_ms
from sessions_app.telemetry.counters import REFUSED, read_counters
from sessions_app.ticks import tick_at
from tests.integration.test_floods import post_all
from tests.pipeline import collect_all, collector, score_all, total
from tests.platform import chat

pytestmark = [pytest.mark.integration, pytest.mark.django_db(transaction=True)]

LIVE_SESSIONS = 320


@pytest.fixture
def score(redis_client: redis.Redis) -> Callable[[], None]:
    """Collects everything that was posted, and scores it."""

    def collect_and_score() -> None:
        with collector(batch_size=5_000) as running:
            collect_all(redis_client, running)
        score_all(redis_client, tick_at(server_time_ms(redis_client)))

    return collect_and_score


def test_sessions_and_events_without_end(
    redis_client: redis.Redis, score: Callable[[], None], settings: Any
) -> None:
    settings.MAX_LIVE_SESSIONS = LIVE_SESSIONS
    post_all(redis_client, keys.CHAT_MESSAGE, (chat("first", session="calm"),))
    score()
    flood = (chat(f"m{n}", session=f"s{n}", eventId=f"e{n}") for n in range(10_000))
    post_all(redis_client, keys.CHAT_MESSAGE, flood)
    post_all(redis_client, keys.CHAT_MESSAGE, (chat("second", session="calm"),))
    with collector(batch_size=5_000) as running:
        collect_all(redis_client, running)
    score_all(redis_client, tick_at(server_time_ms(redis_client)) + 1)
    assert Session.objects.count() <= LIVE_SESSIONS
    assert Event.objects.count() <= LIVE_SESSIONS
    assert read_counters(redis_client)[REFUSED] >= 10_000 - LIVE_SESSIONS
    # Who was there before stays, and goes on.
    assert total("chat_count", "calm") == 2
