"""After an outage too long to catch up with nobody was silent, has left, or is alarmed."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import redis
from django.utils import timezone

from anomalies_app.models import Anomaly
from engagement_conductor import tasks
from engagement_conductor.pipeline import tick as pipeline
from sessions_app.models import Session
from sessions_app.redis_access import keys
from sessions_app.redis_access.client import server_time_ms
from sessions_app.telemetry.counters import SKIPPED, read_counters
from sessions_app.ticks import CATCH_UP_TICKS, TICK_MS, tick_at
from tests.factories import make_event, make_session
from tests.pipeline import collect_all, collector, rows, score_all
from tests.platform import chat, post, user

pytestmark = [pytest.mark.integration, pytest.mark.django_db(transaction=True)]

OUTAGE_TICKS = 41 * 12
BEFORE_TICKS = 3


@pytest.fixture(autouse=True)
def _new_process(redis_client: redis.Redis) -> Iterator[None]:
    tasks._client = None
    yield
    tasks.client().close()
    tasks._client = None


def post_people(client: redis.Redis, tick: int, count: int) -> None:
    for number in range(count):
        joined = user("user_join", f"u{number}")
        post(client, keys.SYNC_EVENTS, joined, f"{tick * TICK_MS}-*")


def say(client: redis.Redis, tick: int) -> None:
    message = chat(f"m{tick}", f"u{tick % 200}", eventId="e1")
    post(client, keys.CHAT_MESSAGE, message, f"{tick * TICK_MS + 1}-*")


@pytest.mark.parametrize("collected", [True, False], ids=["worker away", "all away"])
def test_forty_one_minutes_without_a_worker_end_no_room_in_which_people_talk(
    redis_client: redis.Redis, collected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = tick_at(server_time_ms(redis_client)) - 1
    first = now - OUTAGE_TICKS - BEFORE_TICKS
    with collector() as running:
        post_people(redis_client, first, 200)
        for tick in range(first, first + BEFORE_TICKS):
            say(redis_client, tick)
        collect_all(redis_client, running)
    score_all(redis_client, first + BEFORE_TICKS - 1)
    ended_before = timezone.now() - timedelta(minutes=41)
    Session.objects.update(last_seen_at=ended_before)

    with collector() as running:
        for tick in range(first + BEFORE_TICKS, now + 1, 7):
            say(redis_client, tick)
            if collected and tick % 3 == 0:
                collect_all(redis_client, running)
        collect_all(redis_client, running)
    # The clock runs as soon as the scorer is current, before it has told of signs of life.
    for tick in (now - CATCH_UP_TICKS, now):
        score_all(redis_client, tick)
        Session.objects.update(last_seen_at=ended_before)
        monkeypatch.setattr(tasks, "server_time_ms", lambda _, tick=tick: (tick + 1) * TICK_MS)
        tasks.end_silent_sessions()

    session = Session.objects.get()
    assert session.ended_at is None
    assert session.event.external_id == "e1"
    assert rows()[-1].active_users == 200
    assert len(rows()) == BEFORE_TICKS + 2 * CATCH_UP_TICKS
    assert not Anomaly.objects.exists()


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
    redis_client: redis.Redis, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = tick_at(server_time_ms(redis_client)) - 1
    first = now - CATCH_UP_TICKS - 5
    with collector() as running:
        for tick in range(first, first + 3):
            say(redis_client, tick)
        collect_all(redis_client, running)
    score_all(redis_client, first)

    def fail(*_: object) -> None:
        raise ZeroDivisionError("a fault of our own")

    with monkeypatch.context() as patch:
        patch.setattr(pipeline, "read_tick", fail)
        for _ in range(5):
            tasks.score_shards([keys.shard_of("s1")], now)
    assert f"{SKIPPED}:ticks" not in read_counters(redis_client), "it is not stored yet"
    # Blocks of another type among them are no reason to fail.
    redis_client.set(keys.arrivals(keys.shard_of("s1"), first + 3), "junk")
    score_all(redis_client, now)
    assert read_counters(redis_client)[f"{SKIPPED}:ticks"] == 5
    assert read_counters(redis_client)[f"{SKIPPED}:events"] == 2
    assert len([record for record in caplog.records if "skips ticks" in record.message]) == 1


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
