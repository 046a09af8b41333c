"""After an outage too long to catch up with nobody was silent, has left, or is alarmed."""

import pytest
import redis

from engagement_conductor import tasks
from sessions_app.redis_access import keys
from sessions_app.redis_access.client import server_time_ms
from sessions_app.telemetry.counters import SKIPPED, read_counters
from sessions_app.ticks import CATCH_UP_TICKS, TICK_MS, tick_at
from tests.pipeline import collect_all, collector, failing, rows, score_all
from tests.platform import chat, post

pytestmark = [
    pytest.mark.integration,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("new_worker"),
]


def say(client: redis.Redis, tick: int) -> None:
    message = chat(f"m{tick}", f"u{tick % 200}", eventId="e1")
    post(client, keys.CHAT_MESSAGE, message, f"{tick * TICK_MS + 1}-*")


def test_what_nobody_counts_any_more_is_counted_as_skipped(
    redis_client: redis.Redis, caplog: pytest.LogCaptureFixture
) -> None:
    now = tick_at(server_time_ms(redis_client)) - 1
    first = now - CATCH_UP_TICKS - 30
    with collector() as running:
        say(redis_client, first)
        collect_all(redis_client, running)
    score_all(redis_client, first)
    with collector() as running:
        for tick in range(first + 1, now + 1):
            say(redis_client, tick)
        collect_all(redis_client, running)
    score_all(redis_client, now)
    figures = read_counters(redis_client)
    assert figures[f"{SKIPPED}:events"] == 30
    assert figures[f"{SKIPPED}:ticks"] == 30, "of shards without sessions and events none is told"
    assert sum(row.chat_count for row in rows()) == 1 + CATCH_UP_TICKS
    told = [record for record in caplog.records if "skips ticks" in record.message]
    assert len(told) == 1


def test_what_is_skipped_is_counted_once_though_the_shard_fails(
    redis_client: redis.Redis, caplog: pytest.LogCaptureFixture
) -> None:
    now = tick_at(server_time_ms(redis_client)) - 1
    first = now - CATCH_UP_TICKS - 5
    with collector() as running:
        for tick in range(first, first + 3):
            say(redis_client, tick)
        collect_all(redis_client, running)
    score_all(redis_client, first)

    with failing(
        "engagement_conductor.pipeline.tick.read_tick", ZeroDivisionError("a fault of our own")
    ):
        for _ in range(5):
            tasks.score_shards([keys.shard_of("s1")], now)
    assert f"{SKIPPED}:ticks" not in read_counters(redis_client), "it is not stored yet"
    # Blocks of another type among them are no reason to fail.
    redis_client.set(keys.arrivals(keys.shard_of("s1"), first + 3), "junk")
    score_all(redis_client, now)
    assert read_counters(redis_client)[f"{SKIPPED}:ticks"] == 5
    assert read_counters(redis_client)[f"{SKIPPED}:events"] == 2
    assert len([record for record in caplog.records if "skips ticks" in record.message]) == 1
