"""What a tick sends to the workers, and when it waits."""

import logging
from itertools import chain

import pytest
import redis
from django.db import OperationalError

from engagement_conductor.pipeline import dispatch
from engagement_conductor.pipeline.dispatch import TASKS_PER_TICK, plan_tick
from sessions_app.redis_access import keys
from sessions_app.ticks import tick_end_ms

pytestmark = [pytest.mark.integration, pytest.mark.django_db(transaction=True)]
TICK = 1_000


@pytest.fixture
def collected(redis_client: redis.Redis) -> redis.Redis:
    """A server whose streams were read past the end of the tick."""
    for channel in keys.CHANNELS:
        redis_client.xgroup_create(channel, keys.CONSUMER_GROUP, id="0", mkstream=True)
    redis_client.zadd(keys.COLLECTORS, {"collector": tick_end_ms(TICK)})
    return redis_client


def test_every_shard_is_sent_once_in_a_few_tasks(collected: redis.Redis) -> None:
    lanes = plan_tick(collected, TICK)
    assert sorted(chain(*lanes.usual)) == list(range(keys.SHARD_COUNT))
    assert len(lanes.usual) == TASKS_PER_TICK
    assert lanes.slow == []


def test_a_slow_shard_is_sent_apart(collected: redis.Redis) -> None:
    collected.hset(keys.SHARD_SECONDS, "3", 22.0)
    lanes = plan_tick(collected, TICK)
    assert lanes.slow == [3]
    assert 3 not in [*chain(*lanes.usual)]


def test_a_tick_waits_for_its_events(
    collected: redis.Redis, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(dispatch, "WATERMARK_TIMEOUT_SECONDS", 0.05)
    with caplog.at_level(logging.WARNING):
        assert plan_tick(collected, TICK + 1) is None
    assert f"Tick {TICK + 1} is waiting" in caplog.text


def test_a_database_that_is_away_keeps_no_shard_waiting(
    collected: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(_: object) -> None:
        raise OperationalError("the server closed the connection unexpectedly")

    monkeypatch.setattr(dispatch, "advance_mark", away)
    assert plan_tick(collected, TICK) is not None
