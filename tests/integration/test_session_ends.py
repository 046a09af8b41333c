"""Ends that are announced, by the platform or by an admin: each once, and for good."""

from datetime import timedelta
from typing import Any

import pytest
import redis
from django.utils import timezone

from anomalies_app.models import Anomaly
from dashboard.live import sinks
from dashboard.live.subscriptions import WatchedGroups
from dashboard.pages.payloads import EndedSession
from engagement_conductor.pipeline import tick as pipeline
from sessions_app.models import EngagementMetric, Event, Session
from sessions_app.redis_access import keys
from sessions_app.ticks import SILENCE_TICKS, TICK_MS, WINDOW_TICKS, tick_at, tick_end
from tests.factories import make_event, make_session
from tests.pipeline import (
    collect_all,
    collector,
    failing,
    rows,
    score_all,
    score_shard,
    step_until,
    total,
    updates_told,
)
from tests.platform import chat, ended, post, publish, user

pytestmark = [pytest.mark.integration, pytest.mark.django_db(transaction=True)]

SHARD = keys.shard_of("s1")
# One of a minute's ticks in which the shard compares all its sessions with the database.
FIRST = tick_at(1_750_000_000_000) // WINDOW_TICKS * WINDOW_TICKS + SHARD % WINDOW_TICKS + 1
Happened = tuple[int, str, dict[str, Any]]


def play(client: redis.Redis, log: list[Happened], up_to: int) -> None:
    """Posts what happened in which tick, counted from the first, and scores up to a tick."""
    with collector() as running:
        for tick, channel, payload in log:
            post(client, channel, payload, f"{(FIRST + tick) * TICK_MS + 1}-*")
        collect_all(client, running)
    score_all(client, FIRST + up_to)


def join(tick: int, user_id: str) -> Happened:
    return tick, keys.SYNC_EVENTS, user("user_join", user_id)


def leave(tick: int, user_id: str) -> Happened:
    return tick, keys.SYNC_EVENTS, user("user_leave", user_id)


def end(tick: int) -> Happened:
    return tick, keys.SYNC_EVENTS, ended()


def opening(client: redis.Redis) -> None:
    score_all(client, FIRST - 1)
    play(client, [join(0, "u1"), join(0, "u2"), (1, keys.CHAT_MESSAGE, chat("m1"))], 2)


def test_the_tick_of_the_end_is_the_last_that_is_scored(redis_client: redis.Redis) -> None:
    opening(redis_client)
    play(redis_client, [(3, keys.CHAT_MESSAGE, chat("m2")), end(3), leave(3, "u2")], 6)
    assert [row.time for row in rows()] == [tick_end(FIRST + tick) for tick in range(4)]
    assert [row.active_users for row in rows()] == [2, 2, 2, 1]
    assert (total("chat_count"), total("join_count"), total("leave_count")) == (2, 2, 1)
    assert Session.objects.get().ended_at == tick_end(FIRST + 3)
    for table in (keys.shard_presence, keys.shard_polls, keys.shard_voters):
        assert not redis_client.exists(table(SHARD)), "nothing is left of it"


def test_those_who_leave_after_the_end_do_not_open_it_again(redis_client: redis.Redis) -> None:
    opening(redis_client)
    play(redis_client, [end(3)], 3)
    for tick in range(4, 20, 5):
        play(redis_client, [leave(tick, f"u{tick}"), end(tick + 1)], tick + 2)
    assert len(rows()) == 4
    session = Session.objects.get()
    assert (session.ended_at, session.last_seen_at) == (tick_end(FIRST + 3), tick_end(FIRST))
    assert not redis_client.exists(keys.shard_presence(SHARD))


def test_an_end_is_told_once_on_whatever_ways_it_comes(
    redis_client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[EndedSession] = []
    monkeypatch.setattr(sinks, "broadcast_ended", lambda ends, _: told.extend(ends))
    monkeypatch.setattr(sinks, "watched_groups", lambda _: WatchedGroups(all_events=True))
    opening(redis_client)
    play(redis_client, [end(3), (3, keys.LIVE_SYNC, ended(eventId="e1")), end(3), end(5)], 7)
    session = Session.objects.get()
    assert told == [EndedSession(session.pk, session.event_id, tick_end(FIRST + 3))]


def test_nothing_is_published_of_a_session_that_is_over(redis_client: redis.Redis) -> None:
    opening(redis_client)
    with updates_told(redis_client) as told:
        play(redis_client, [end(3), leave(4, "u1")], 6)
    assert [update["timestamp"] for update in told] == [tick_end(FIRST + 3).isoformat()]


@pytest.mark.parametrize("step", ["store_metrics", "end_sessions", "publish_updates"])
def test_an_end_survives_the_worker_that_noted_it(redis_client: redis.Redis, step: str) -> None:
    opening(redis_client)

    with failing(f"sessions_app.outcomes.session_parts.{step}"), pytest.raises(ConnectionError):
        play(redis_client, [end(3), leave(3, "u1"), leave(4, "u2")], 3)
    score_shard(redis_client, SHARD, FIRST + 6)
    assert [row.active_users for row in rows()] == [2, 2, 2, 1]
    assert Session.objects.get().ended_at == tick_end(FIRST + 3)


def test_a_worker_that_comes_too_late_ends_nothing_twice(
    redis_client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    opening(redis_client)
    advance = pipeline.advance

    def interrupted(*arguments: object) -> object:
        monkeypatch.setattr(pipeline, "advance", advance)
        # The second worker comes while the first one calculates, whose lock has run out.
        redis_client.delete(keys.shard_lock(SHARD))
        assert score_shard(redis_client, SHARD, FIRST + 3) == 1
        return advance(*arguments)

    monkeypatch.setattr(pipeline, "advance", interrupted)
    with collector() as running:
        post(redis_client, keys.SYNC_EVENTS, ended(), f"{(FIRST + 3) * TICK_MS}-1")
        collect_all(redis_client, running)
    assert score_shard(redis_client, SHARD, FIRST + 3) == 0
    score_shard(redis_client, SHARD, FIRST + 5)
    assert len(rows()) == 4
    assert Session.objects.get().ended_at == tick_end(FIRST + 3)


def test_after_half_an_hour_without_a_word_it_opens_again(redis_client: redis.Redis) -> None:
    opening(redis_client)
    play(redis_client, [end(3)], 3)
    for tick in range(100, SILENCE_TICKS, 100):
        score_all(redis_client, FIRST + tick)
    # Heard of just in time: half an hour from here on.
    last = 3 + SILENCE_TICKS
    play(redis_client, [leave(last, "u1")], last)
    for tick in range(last + 100, last + SILENCE_TICKS, 100):
        score_all(redis_client, FIRST + tick)
    assert len(rows()) == 4
    again = last + SILENCE_TICKS + 1
    play(redis_client, [join(again, "u3")], again + 1)
    assert [row.active_users for row in rows()[4:]] == [1, 1]
    assert Session.objects.get().ended_at is None


def test_the_end_of_a_session_nobody_knows_opens_none(redis_client: redis.Redis) -> None:
    score_all(redis_client, FIRST - 1)
    play(redis_client, [end(0), end(1)], 2)
    assert not Session.objects.exists()
    assert not Event.objects.exists()


def test_the_end_of_a_session_that_is_over_changes_nothing(redis_client: redis.Redis) -> None:
    over = timezone.now() - timedelta(hours=1)
    make_session(make_event("Conference"), "talk", external_id="s1", ended_at=over)
    score_all(redis_client, FIRST - 1)
    play(redis_client, [end(0)], 2)
    assert Session.objects.get().ended_at == over
    assert not rows()


def test_the_end_of_a_session_whose_state_was_lost_is_stored(redis_client: redis.Redis) -> None:
    make_session(make_event("Conference"), "talk", external_id="s1")
    score_all(redis_client, FIRST - 1)
    play(redis_client, [end(0)], 2)
    assert Session.objects.get().ended_at == tick_end(FIRST)


def test_an_end_by_pubsub_counts(redis_client: redis.Redis) -> None:
    opening(redis_client)
    with collector() as running:
        step_until(running, lambda: running.subscriber.subscribed)
        publish(redis_client, keys.SYNC_EVENTS, ended())
        arrivals = keys.arrivals(SHARD, 0).removesuffix("0") + "*"
        known = len(redis_client.keys(arrivals))
        step_until(running, lambda: len(redis_client.keys(arrivals)) > known)
    now = tick_at(int(timezone.now().timestamp() * 1000))
    score_shard(redis_client, SHARD, now)
    assert Session.objects.get().is_over


def test_an_edit_of_something_else_opens_nothing(redis_client: redis.Redis) -> None:
    opening(redis_client)
    play(redis_client, [end(3)], 3)
    session = Session.objects.get()
    session.title = "Renamed"
    session.save_edit("title")
    play(redis_client, [leave(5, "u1")], 6)
    assert len(rows()) == 4
    assert Session.objects.get().is_over


def test_a_deleted_session_leaves_nothing_behind(redis_client: redis.Redis) -> None:
    opening(redis_client)
    play(redis_client, [(3, keys.SYNC_EVENTS, user("user_join", "u1", "s16"))], 3)
    assert keys.shard_of("s16") == SHARD
    gone = Session.objects.get(external_id="s1")
    key = gone.pk
    gone.delete()
    score_all(redis_client, FIRST + 4)
    assert EngagementMetric.objects.filter(session_id=key).exists(), "noticed once a minute only"
    for tick in range(5, 15):
        score_all(redis_client, FIRST + tick)
    assert not EngagementMetric.objects.filter(session_id=key).exists()
    assert not Anomaly.objects.filter(session_id=key).exists()
    assert redis_client.hkeys(keys.shard_presence(SHARD)) == [
        str(Session.objects.get().pk).encode()
    ]
    assert len(rows("s16")) == 12, "the others go on"
    play(redis_client, [join(15, "u9")], 15)
    assert [row.total_users for row in rows("s1")] == [1], "heard of again, it is a new one"
