"""A hundred thousand hostile payloads: none stops anything, and the good ones count."""

import itertools
from typing import Any

import psutil
import pytest
import redis

from sessions_app.ingest.dead_letters import MAXIMUM_LETTERS
from sessions_app.models import EngagementMetric, Event, Session
from sessions_app.redis_access import keys
from sessions_app.redis_access.client import server_time_ms
from sessions_app.telemetry.counters import REFUSED, read_counters
from sessions_app.telemetry.pipeline_status import pipeline_status
from sessions_app.ticks import tick_at
from tests.fuzzing.payloads import hostile_payloads
from tests.pipeline import collect_all, collector, score_all, total
from tests.platform import chat, post

pytestmark = [pytest.mark.integration, pytest.mark.django_db(transaction=True)]

PAYLOADS = 100_000
GOOD_EVERY = 500
LARGEST_GROWTH_BYTES = 200 * 1024 * 1024
LARGEST_STATE_BYTES = 64 * 1024 * 1024


def post_hostile(client: redis.Redis) -> int:
    """Posts them with good messages in between; returns how many of these."""
    good = 0
    hostile = hostile_payloads(seed=20261123, count=PAYLOADS)
    while batch := list(itertools.islice(hostile, GOOD_EVERY)):
        with client.pipeline(transaction=False) as pipeline:
            for channel, data in batch:
                pipeline.xadd(channel, {"data": data})
            pipeline.execute()
        post(client, keys.CHAT_MESSAGE, chat(f"good-{good}", session="good", eventId="good"))
        good += 1
    return good


@pytest.mark.timeout(600)
def test_hostile_payloads_are_set_aside_or_harmless(
    redis_client: redis.Redis, settings: Any
) -> None:
    settings.MAX_LIVE_SESSIONS = 1_600
    memory = psutil.Process().memory_info
    with collector(batch_size=5_000) as running:
        good = post_hostile(redis_client)
        post(redis_client, keys.CHAT_MESSAGE, b'{"sessionId":"' + b"x" * 10 * 1024 * 1024)
        before = memory().rss
        collect_all(redis_client, running)
        assert memory().rss - before < LARGEST_GROWTH_BYTES
    tick = tick_at(server_time_ms(redis_client))
    score_all(redis_client, tick)
    letters = pipeline_status(redis_client).totals["dead_letters"]
    assert PAYLOADS / 4 < letters < PAYLOADS
    # The stream is trimmed by whole nodes, of up to a hundred entries.
    assert redis_client.xlen(keys.DEAD_LETTERS) <= MAXIMUM_LETTERS + 100
    assert total("chat_count", "good") == good == PAYLOADS / GOOD_EVERY
    live = Session.objects.live().count()
    assert 100 < live <= settings.MAX_LIVE_SESSIONS
    assert read_counters(redis_client)[REFUSED] > 0
    # The streams belong to the platform; the rest is ours.
    ours = redis_client.scan_iter("engagement:*", count=1_000)
    assert sum(redis_client.memory_usage(key) or 0 for key in ours) < LARGEST_STATE_BYTES
    assert EngagementMetric.objects.values("session").distinct().count() >= live
    names = [*Session.objects.values_list("external_id", flat=True)]
    names += Event.objects.values_list("external_id", flat=True)
    assert any("<script>" in name for name in names)
    for name in names:
        assert 1 <= len(name) <= 255
        assert not any(ord(letter) < 32 or 127 <= ord(letter) < 160 for letter in name)
