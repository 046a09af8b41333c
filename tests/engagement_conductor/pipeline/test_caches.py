"""What a worker keeps between ticks, and when it looks again."""

from datetime import timedelta

import pytest
import redis

from engagement_conductor.pipeline.caches import WorkerCaches
from sessions_app.control import event_settings_cache
from sessions_app.models import DatabaseEpoch
from tests.factories import make_event

pytestmark = [pytest.mark.integration, pytest.mark.django_db(transaction=True)]


def test_an_edit_is_taken_over_when_it_is_refreshed(
    redis_client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    caches = WorkerCaches(redis_client)
    event = make_event("Conference")
    caches.event_settings.ensure([event.pk])
    assert caches.event_settings.external_ids[event.pk] == event.external_id
    caches.refresh()
    event.chat_weight = 0.5
    event.save()
    assert caches.event_settings.settings_of(event.pk).chat_weight == 0.3
    monkeypatch.setattr(event_settings_cache, "SHORTEST_AGE", timedelta(0))
    caches.refresh()
    assert caches.event_settings.settings_of(event.pk).chat_weight == 0.5


def test_the_epoch_stays_as_long_as_the_database_goes_on(redis_client: redis.Redis) -> None:
    caches = WorkerCaches(redis_client)
    epoch = caches.current_epoch()
    assert epoch
    assert caches.recent_epoch() == caches.current_epoch() == epoch
    assert DatabaseEpoch.objects.exists()
