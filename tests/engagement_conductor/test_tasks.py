"""The worker's tasks."""

from datetime import timedelta
from typing import Any

import pytest
import redis
from django.utils import timezone

from engagement_conductor import tasks
from sessions_app.models import Session
from sessions_app.redis_access import keys
from sessions_app.redis_access.client import server_time_ms
from sessions_app.ticks import tick_at
from tests.factories import make_event, make_session
from tests.integration.test_long_outages import say
from tests.pipeline import collect_all, collector, score_all

pytestmark = [
    pytest.mark.integration,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("new_worker"),
]


def test_sessions_that_a_shard_knows_are_not_ended_by_the_clock(
    redis_client: redis.Redis,
) -> None:
    now = tick_at(server_time_ms(redis_client)) - 1
    with collector() as running:
        say(redis_client, now)
        collect_all(redis_client, running)
    score_all(redis_client, now)
    event, long_ago = make_event("Conference"), timezone.now() - timedelta(minutes=41)
    lost = [make_session(event, f"lost-{number}") for number in range(64)]
    Session.objects.update(last_seen_at=long_ago)
    behind, waiting = keys.shard_of(lost[0].external_id), keys.shard_of(lost[1].external_id)
    lag_by(redis_client, behind, 40)
    redis_client.set(keys.shard_outbox(waiting), b"results")
    tasks.end_silent_sessions()
    live = set(Session.objects.live().values_list("external_id", flat=True))
    spared = {
        session.external_id
        for session in lost
        if keys.shard_of(session.external_id) in (behind, waiting)
    }
    assert live == {"s1"} | spared
    assert 0 < len(spared) < len(lost)


def lag_by(client: redis.Redis, shard: int, ticks: int) -> None:
    from sessions_app.state.session_windows import SessionWindows

    key = keys.shard_windows(shard)
    windows: Any = SessionWindows.from_bytes(client.get(key))
    windows.tick -= ticks
    client.set(key, windows.to_bytes())
