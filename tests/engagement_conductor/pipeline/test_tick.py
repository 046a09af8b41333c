"""Scoring on real servers: every tick once, whatever is interrupted where."""

import numpy as np
import pytest
import redis

from dashboard.models import ApiToken
from sessions_app.models import Event, Session
from sessions_app.redis_access import keys
from sessions_app.ticks import SILENCE_TICKS, TICK_MS, tick_at, tick_end
from tests.pipeline import collect_all, collect_chat, collector, rows, score_all, start_of, total
from tests.platform import chat, post

pytestmark = [pytest.mark.integration, pytest.mark.django_db(transaction=True)]


def test_scoring_a_tick_again_changes_nothing(redis_client: redis.Redis) -> None:
    start = start_of(redis_client, 5)
    collect_chat(redis_client, start, count=3)
    for _ in range(3):
        score_all(redis_client, tick_at(start) + 2)
    assert [row.chat_count for row in rows()] == [3, 0, 0]
    assert [row.time for row in rows()] == [tick_end(tick_at(start) + n) for n in range(3)]


def test_a_stand_in_that_a_program_was_given_stays(redis_client: redis.Redis) -> None:
    start = start_of(redis_client, 5)
    with collector() as running:
        post(redis_client, keys.CHAT_MESSAGE, chat("m1", eventId="s1"), f"{start}-0")
        collect_all(redis_client, running)
        score_all(redis_client, tick_at(start))
        token, _ = ApiToken.objects.issue(name="partner")
        token.events.add(Event.objects.get(external_id="s1"))
        post(redis_client, keys.CHAT_MESSAGE, chat("m2", eventId="e1"), f"{start + TICK_MS}-0")
        collect_all(redis_client, running)
        score_all(redis_client, tick_at(start) + 1)
    assert Session.objects.get().event.external_id == "s1"


def test_events_and_sessions_create_themselves(redis_client: redis.Redis) -> None:
    start = start_of(redis_client, 5)
    collect_chat(redis_client, start)
    score_all(redis_client, tick_at(start))
    session = Session.objects.get()
    assert (session.external_id, session.title, session.event.external_id) == ("s1", "s1", "e1")
    assert session.started_at == tick_end(tick_at(start))
    assert not session.event.organizers.exists()


def test_a_session_waits_for_its_event_to_be_named(redis_client: redis.Redis) -> None:
    start = start_of(redis_client, 5)
    with collector() as running:
        post(redis_client, keys.CHAT_MESSAGE, chat("m1", eventId="s1"), f"{start}-0")
        collect_all(redis_client, running)
        score_all(redis_client, tick_at(start))
        assert Session.objects.get().event.external_id == "s1"
        post(redis_client, keys.CHAT_MESSAGE, chat("m2", eventId="e1"), f"{start + TICK_MS}-0")
        collect_all(redis_client, running)
        score_all(redis_client, tick_at(start) + 1)
        assert Session.objects.get().event.external_id == "e1"
        assert not Event.objects.filter(external_id="s1").exists()
        post(redis_client, keys.CHAT_MESSAGE, chat("m3", eventId="e2"), f"{start + 2 * TICK_MS}-0")
        collect_all(redis_client, running)
    score_all(redis_client, tick_at(start) + 2)
    assert Session.objects.get().event.external_id == "e1", "it keeps the event it has"


def test_a_silent_session_is_over_and_opens_again(redis_client: redis.Redis) -> None:
    first = start_of(redis_client, SILENCE_TICKS + 20)
    with collector() as running:
        post(redis_client, keys.CHAT_MESSAGE, chat("m1"), f"{first}-0")
        collect_all(redis_client, running)
    for tick in range(tick_at(first), tick_at(first) + SILENCE_TICKS + 10, 100):
        score_all(redis_client, tick)
    last = tick_at(first) + SILENCE_TICKS + 5
    score_all(redis_client, last)
    session = Session.objects.get()
    assert session.ended_at == tick_end(tick_at(first) + SILENCE_TICKS)
    assert len(rows()) == SILENCE_TICKS
    shard = keys.shard_of("s1")
    assert not redis_client.exists(keys.shard_presence(shard)), "nothing is left of it"
    collect_chat(redis_client, (last + 1) * TICK_MS)
    score_all(redis_client, last + 1)
    session.refresh_from_db()
    assert session.ended_at is None
    assert len(rows()) == SILENCE_TICKS + 1


def test_totals_survive_any_order_of_collecting_and_scoring(redis_client: redis.Redis) -> None:
    start = start_of(redis_client, 60)
    random_numbers = np.random.default_rng(5)
    posted = 0
    with collector(batch_size=7) as running:
        for tick in range(40):
            for _ in range(int(random_numbers.integers(0, 6))):
                message = chat(f"m{posted}", f"u{posted % 5}")
                post(redis_client, keys.CHAT_MESSAGE, message, f"{start + tick * TICK_MS}-*")
                posted += 1
            if random_numbers.random() < 0.3:
                running.step()
            if random_numbers.random() < 0.2:
                collect_all(redis_client, running)
                score_all(redis_client, tick_at(start) + tick - 1)
        collect_all(redis_client, running)
    score_all(redis_client, tick_at(start) + 45)
    assert total("chat_count") == posted
