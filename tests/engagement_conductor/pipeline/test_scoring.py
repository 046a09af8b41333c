"""Each event's own weights score its sessions."""

import pytest
import redis
from django.utils import timezone

from sessions_app.models import Event, Session
from sessions_app.ticks import TICK_MS, tick_at
from tests.pipeline import collect_chat, rows, score_all, start_of

pytestmark = [pytest.mark.integration, pytest.mark.django_db(transaction=True)]


def test_an_events_weights_are_used_from_the_next_tick(redis_client: redis.Redis) -> None:
    start = start_of(redis_client, 5)
    collect_chat(redis_client, start, count=20)
    score_all(redis_client, tick_at(start))
    Event.objects.filter(external_id="e1").update(chat_weight=0.6, updated_at=timezone.now())
    score_all(redis_client, tick_at(start) + 1)
    assert [row.score for row in rows()] == [0.55, 0.85]


def test_a_session_moved_by_an_admin_is_scored_with_its_new_event(
    redis_client: redis.Redis,
) -> None:
    start = start_of(redis_client, 5)
    collect_chat(redis_client, start, count=20)
    score_all(redis_client, tick_at(start))
    session = Session.objects.get(external_id="s1")
    session.event = Event.objects.create(external_id="e2", title="Two", chat_weight=0.0)
    session.save_edit("event")
    collect_chat(redis_client, start + TICK_MS)
    score_all(redis_client, tick_at(start) + 1)
    assert [row.score for row in rows()] == [0.55, 0.25]
    session.refresh_from_db()
    assert session.event.external_id == "e2", "the platform's word does not move it back"
