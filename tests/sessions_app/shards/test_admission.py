"""Which new sessions there is room for."""

from typing import Any

import pytest
import redis

from sessions_app.models import Event, Session
from sessions_app.redis_access import keys
from sessions_app.telemetry.counters import REFUSED, read_counters
from tests.integration.test_floods import post_all, score
from tests.pipeline import total
from tests.platform import chat

pytestmark = [pytest.mark.integration, pytest.mark.django_db(transaction=True)]

LIVE_SESSIONS = 320


def test_sessions_and_events_without_end(redis_client: redis.Redis, settings: Any) -> None:
    settings.MAX_LIVE_SESSIONS = LIVE_SESSIONS
    post_all(redis_client, keys.CHAT_MESSAGE, (chat("first", session="calm"),))
    score(redis_client)
    flood = (chat(f"m{n}", session=f"s{n}", eventId=f"e{n}") for n in range(10_000))
    post_all(redis_client, keys.CHAT_MESSAGE, flood)
    post_all(redis_client, keys.CHAT_MESSAGE, (chat("second", session="calm"),))
    score(redis_client, ticks_later=1)
    assert Session.objects.count() <= LIVE_SESSIONS
    assert Event.objects.count() <= LIVE_SESSIONS
    assert read_counters(redis_client)[REFUSED] >= 10_000 - LIVE_SESSIONS
    # Who was there before stays, and goes on.
    assert total("chat_count", "calm") == 2
