"""Scoring on real servers: every tick once, whatever is interrupted where."""

from datetime import timedelta
from typing import Any

import msgspec
import numpy as np
import pytest
import redis
from django.db import connection
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from dashboard.models import ApiToken
from engagement_conductor.pipeline import tick as pipeline
from sessions_app.models import EngagementMetric, Event, Session
from sessions_app.outcomes import session_parts
from sessions_app.redis_access import keys
from sessions_app.redis_access.client import server_time_ms
from sessions_app.state.tick_metrics import METRIC
from sessions_app.storage.metrics import encode_copy, store_metrics
from sessions_app.storage.retention import drop_metrics_before
from sessions_app.storage.sessions import end_silent_sessions
from sessions_app.telemetry.counters import REFUSED, read_counters
from sessions_app.ticks import SILENCE_TICKS, TICK_MS, tick_at, tick_end
from tests.pipeline import collect_all, collector, rows, score_all, score_shard, total
from tests.platform import chat, post

pytestmark = [pytest.mark.integration, pytest.mark.django_db(transaction=True)]


def start_of(client: redis.Redis, ticks_ago: int) -> int:
    return (tick_at(server_time_ms(client)) - ticks_ago) * TICK_MS


def collect_chat(client: redis.Redis, start: int, session: str = "s1", count: int = 1) -> None:
    for number in range(count):
        message = chat(f"{start}-{number}", session=session, eventId="e1")
        post(client, keys.CHAT_MESSAGE, message, f"{start}-*")
    with collector() as running:
        collect_all(client, running)


def test_scoring_a_tick_again_changes_nothing(redis_client: redis.Redis) -> None:
    start = start_of(redis_client, 5)
    collect_chat(redis_client, start, count=3)
    for _ in range(3):
        score_all(redis_client, tick_at(start) + 2)
    assert [row.chat_count for row in rows()] == [3, 0, 0]
    assert [row.time for row in rows()] == [tick_end(tick_at(start) + n) for n in range(3)]


@pytest.mark.parametrize("step", ["store_metrics", "publish_updates"])
def test_what_was_scored_but_not_stored_is_stored_first(
    redis_client: redis.Redis, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    start = start_of(redis_client, 5)
    collect_chat(redis_client, start, count=2)
    shard, tick = keys.shard_of("s1"), tick_at(start)

    def fail(*_: object) -> None:
        raise ConnectionError("the worker is killed here")

    with monkeypatch.context() as patch:
        patch.setattr(session_parts, step, fail)
        with pytest.raises(ConnectionError):
            score_shard(redis_client, shard, tick)
    assert redis_client.exists(keys.shard_outbox(shard))
    score_shard(redis_client, shard, tick + 1)
    assert [row.chat_count for row in rows()] == [2, 0]
    assert not redis_client.exists(keys.shard_outbox(shard))


def test_two_workers_at_one_shard_score_it_once(
    redis_client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = start_of(redis_client, 5)
    collect_chat(redis_client, start, count=2)
    shard, tick = keys.shard_of("s1"), tick_at(start)
    advance = pipeline.advance

    def interrupted(*arguments: object) -> object:
        monkeypatch.setattr(pipeline, "advance", advance)
        # The second worker comes while the first one calculates, whose lock has run out.
        redis_client.delete(keys.shard_lock(shard))
        assert score_shard(redis_client, shard, tick) == tick - first
        return advance(*arguments)

    score_shard(redis_client, shard, tick - 1)
    first = tick - 1
    monkeypatch.setattr(pipeline, "advance", interrupted)
    assert score_shard(redis_client, shard, tick) == 0
    assert [row.chat_count for row in rows()] == [2]


def test_windows_of_an_unknown_version_are_rebuilt(redis_client: redis.Redis) -> None:
    start = start_of(redis_client, 8)
    collect_chat(redis_client, start, count=2)
    score_all(redis_client, tick_at(start) + 1)
    redis_client.set(keys.shard_windows(keys.shard_of("s1")), b"from the future")
    collect_chat(redis_client, start + 3 * TICK_MS)
    score_all(redis_client, tick_at(start) + 4)
    assert [row.chat_count for row in rows()] == [2, 0, 0, 1, 0]


def test_results_of_an_unknown_version_do_not_stop_the_shard(redis_client: redis.Redis) -> None:
    start = start_of(redis_client, 8)
    collect_chat(redis_client, start, count=2)
    score_all(redis_client, tick_at(start))
    redis_client.set(keys.shard_outbox(keys.shard_of("s1")), b"from the future")
    score_all(redis_client, tick_at(start) + 1)
    assert [row.chat_count for row in rows()] == [2, 0]


def test_an_update_is_published_for_every_session_after_it_is_stored(
    redis_client: redis.Redis,
) -> None:
    start = start_of(redis_client, 5)
    collect_chat(redis_client, start, "s1", 4)
    collect_chat(redis_client, start, "s2", 1)
    with redis_client.pubsub(ignore_subscribe_messages=True) as listener:
        listener.subscribe(keys.ENGAGEMENT_UPDATE)
        listener.get_message(timeout=1)
        score_all(redis_client, tick_at(start))
        messages = [listener.get_message(timeout=1) for _ in range(3)]
    assert messages[2] is None
    updates = {}
    for message in messages[:2]:
        update = msgspec.json.decode(message["data"])
        updates[update["sessionId"]] = update
    assert set(updates) == {"s1", "s2"}
    row = rows("s1")[0]
    assert updates["s1"] == {
        "timestamp": tick_end(tick_at(start)).isoformat(),
        "sessionId": "s1",
        "eventId": "e1",
        "score": row.score,
        "category": row.category,
        "signals": {
            "chat_msgs_per_min": 4.0,
            "poll_participation": 0.0,
            "active_users": 1,
            "total_users": 1,
            "reactions_per_min": 0.0,
            "user_leave_rate": 0.0,
        },
    }


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


def test_lost_sessions_are_ended_by_the_clock() -> None:
    event = Event.objects.create(external_id="e", title="e")
    now = timezone.now()
    for name, minutes in (("quiet", 40), ("lively", 10)):
        seen = now - timedelta(minutes=minutes)
        Session.objects.create(
            external_id=name, title=name, event=event, started_at=seen, last_seen_at=seen
        )
    assert end_silent_sessions(now, timedelta(minutes=30)) == 1
    assert [session.external_id for session in Session.objects.live()] == ["lively"]


def test_storing_rows_again_keeps_the_first(redis_client: redis.Redis) -> None:
    metrics = np.zeros(3, METRIC)
    metrics["session_id"] = [1, 2, 3]
    metrics["score"] = 0.5
    store_metrics(metrics[:2], 100)
    metrics["score"] = 0.9
    store_metrics(metrics, 100)
    stored = EngagementMetric.objects.order_by("session_id").values_list("score", flat=True)
    assert list(stored) == [0.5, 0.5, 0.9]


@given(
    st.lists(
        st.tuples(st.floats(0, 1), st.integers(0, 2**31 - 1), st.integers(1, 2**62)), max_size=5
    )
)
def test_copied_rows_come_back_as_they_were(values: list[tuple[float, int, int]]) -> None:
    values = list({value[2]: value for value in values}.values())
    EngagementMetric.objects.all().delete()
    metrics = np.zeros(len(values), METRIC)
    for row, (share, count, session_id) in enumerate(values):
        metrics[row]["session_id"] = session_id
        for name in METRIC.names[2:]:
            metrics[row][name] = share if METRIC[name].kind == "f" else count
    store_metrics(metrics, 7)
    for row, stored in enumerate(
        EngagementMetric.objects.in_bulk([(value[2], tick_end(7)) for value in values]).values()
    ):
        original = next(item for item in metrics if item["session_id"] == stored.session_id)
        for name in METRIC.names[2:]:
            assert getattr(stored, name) == original[name], row


def test_copy_data_has_postgresqls_signature() -> None:
    data = encode_copy(np.zeros(2, METRIC), tick_end(1))
    assert data.startswith(b"PGCOPY\n\xff\r\n\x00")
    assert data.endswith(b"\xff\xff")


def test_old_metrics_are_dropped(redis_client: redis.Redis) -> None:
    metrics = np.zeros(1, METRIC)
    metrics["session_id"] = 1
    now = tick_at(server_time_ms(redis_client))
    ten_days = 10 * 24 * 720
    for tick in (now, now - ten_days):
        store_metrics(metrics, tick)
    drop_metrics_before(tick_end(now - ten_days // 2))
    assert [row.time for row in EngagementMetric.objects.all()] == [tick_end(now)]


def test_old_metrics_of_a_table_older_than_the_extension_are_dropped(
    redis_client: redis.Redis,
) -> None:
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE engagement_metrics RENAME TO first_metrics")
        cursor.execute("CREATE TABLE engagement_metrics (LIKE first_metrics INCLUDING ALL)")
    try:
        test_old_metrics_are_dropped(redis_client)
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DROP TABLE engagement_metrics")
            cursor.execute("ALTER TABLE first_metrics RENAME TO engagement_metrics")


def test_metrics_lie_in_a_hypertable_where_timescaledb_is_there() -> None:
    if not connection.has_timescaledb:
        pytest.skip("plain PostgreSQL")
    with connection.cursor() as cursor:
        cursor.execute("SELECT hypertable_name FROM timescaledb_information.hypertables")
        names = {name for (name,) in cursor.fetchall()}
    assert names == {"engagement_metrics", "anomalies", "interventions", "agent_performance"}


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


def test_new_sessions_beyond_the_limits_are_refused_and_counted(
    redis_client: redis.Redis, settings: Any
) -> None:
    settings.MAX_LIVE_SESSIONS, settings.MAX_LIVE_SESSIONS_PER_EVENT = 32, 16
    start = start_of(redis_client, 5)
    collect_chat(redis_client, start, session="first")
    tick = tick_at(start)
    score_all(redis_client, tick)
    for number in range(100):
        for session, event in (("first", "e1"), (f"same-{number}", "e1"), (f"own-{number}", None)):
            message = chat(f"m{number}", session=session, eventId=event)
            post(redis_client, keys.CHAT_MESSAGE, message, f"{start + TICK_MS}-*")
    with collector() as running:
        collect_all(redis_client, running)
    score_all(redis_client, tick + 1)
    live = Session.objects.live()
    of_event = live.filter(event__external_id="e1")
    assert of_event.filter(external_id="first").exists()
    assert of_event.count() <= 16
    assert live.count() == 32
    assert total("chat_count", "first") == 101
    assert read_counters(redis_client)[REFUSED] == 200 - 31
