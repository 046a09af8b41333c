"""A database that goes back in time while Redis stays: keys are other sessions' by then."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
import pytest
import redis
from django.db import connection
from django.test.utils import CaptureQueriesContext

from dashboard.live.subscriptions import WatchedGroups, watched_groups
from sessions_app.models import DatabaseEpoch, EngagementMetric, Event, Session
from sessions_app.redis_access import keys
from sessions_app.redis_access.client import server_time_ms
from sessions_app.shards.database_epochs import Position, RecentEpoch, advance_mark, current_epoch
from sessions_app.state.session_windows import SessionWindows
from sessions_app.telemetry.counters import REKEYED, read_counters
from sessions_app.ticks import TICK_MS, tick_at
from tests.pipeline import collect_all, collector, rows, score_all
from tests.platform import chat, post, user

pytestmark = [pytest.mark.integration, pytest.mark.django_db(transaction=True)]

ALICE = "alices-talk"
SHARD = keys.shard_of(ALICE)
NAMES = [f"bobs-talk-{number}" for number in range(99)]
BOBS = {
    "same shard": next(name for name in NAMES if keys.shard_of(name) == SHARD),
    "earlier shard": next(name for name in NAMES if keys.shard_of(name) < SHARD),
    "later shard": next(name for name in NAMES if keys.shard_of(name) > SHARD),
}
# What the restored database has of all tables that the scorer writes, in an order to write them in.
TABLES = (
    "sessions_app_event",
    "sessions_app_session",
    "engagement_metrics",
    "sessions_app_databaseepoch",
)


class Stage:
    """A pipeline whose database can be put back."""

    def __init__(self, client: redis.Redis) -> None:
        self.client = client
        self.tick = tick_at(server_time_ms(client)) - 60

    def play(self, *happened: tuple[str, Any]) -> None:
        """Scores one more tick, with these events."""
        self.tick += 1
        with collector() as running:
            for channel, payload in happened:
                post(self.client, channel, payload, f"{self.tick * TICK_MS + 1}-*")
            collect_all(self.client, running)
        advance_mark(self.client)
        score_all(self.client, self.tick)

    @contextmanager
    def going_back(self, *tables: str) -> Iterator[None]:
        """Afterwards the database is what it was before, with its sequences, as from a dump."""
        with connection.cursor() as cursor:
            for table in tables:
                cursor.execute(f"CREATE TABLE kept_{table} AS SELECT * FROM {table}")
            sequences = {}
            for table in ("sessions_app_event", "sessions_app_session"):
                cursor.execute("SELECT last_value FROM " + f"{table}_id_seq")
                sequences[table] = cursor.fetchone()[0]
            yield
            for table in reversed(tables):
                cursor.execute(f"DELETE FROM {table}")
            for table in tables:
                cursor.execute(f"INSERT INTO {table} SELECT * FROM kept_{table}")
                cursor.execute(f"DROP TABLE kept_{table}")
            for table, value in sequences.items():
                cursor.execute("SELECT setval(%s, %s)", [f"{table}_id_seq", value])

    def windows(self, session: str) -> SessionWindows:
        return SessionWindows.from_bytes(
            self.client.get(keys.shard_windows(keys.shard_of(session)))
        )


@pytest.fixture
def stage(redis_client: redis.Redis) -> Stage:
    return Stage(redis_client)


def says(session: str, event: str, tick: int, author: str = "u1") -> tuple[str, Any]:
    return keys.CHAT_MESSAGE, chat(f"{session}-{tick}", author, session, eventId=event)


def joins(session: str, count: int) -> list[tuple[str, Any]]:
    return [(keys.SYNC_EVENTS, user("user_join", f"u{number}", session)) for number in range(count)]


@pytest.mark.parametrize("place", BOBS)
@pytest.mark.parametrize(
    "tables", [TABLES, TABLES[:-1]], ids=["a restored dump", "without the mark"]
)
def test_a_reused_key_gives_nobody_anothers_row(
    stage: Stage, place: str, tables: tuple[str, ...]
) -> None:
    bob = BOBS[place]
    stage.play(says("carols-talk", "carol", 0))
    with stage.going_back(*tables):
        stage.play(says(ALICE, "alice", 0), *joins(ALICE, 20))
        stage.play(says(ALICE, "alice", 1))
        alices_key = Session.objects.get(external_id=ALICE).pk
    assert not Session.objects.filter(external_id=ALICE).exists()
    # Bob's session comes first in the restored database, and is given the key that was Alice's.
    Session.objects.create(
        external_id=bob,
        title=bob,
        event=Event.objects.create(external_id="bob", title="Bob's"),
        started_at="2026-01-01T00:00:00Z",
        last_seen_at="2026-01-01T00:00:00Z",
    )
    assert Session.objects.get(external_id=bob).pk == alices_key
    stage.play(says(bob, "bob", 0), says(ALICE, "alice", 2))
    stage.play(says(bob, "bob", 1), says(ALICE, "alice", 3))

    sessions = {session.external_id: session for session in Session.objects.all()}
    assert {name: session.event.external_id for name, session in sessions.items()} == {
        "carols-talk": "carol",
        ALICE: "alice",
        bob: "bob",
    }
    assert sessions[ALICE].pk != alices_key
    assert [(row.chat_count, row.total_users) for row in rows(bob)] == [(1, 1), (1, 1)]
    assert [row.chat_count for row in rows(ALICE)] == [1, 1], "she goes on, under a key of her own"
    assert rows(ALICE)[-1].total_users >= 20
    assert read_counters(stage.client)[REKEYED] == 1
    assert not EngagementMetric.objects.exclude(session__in=sessions.values()).exists()


def test_results_that_waited_are_stored_under_the_keys_of_now(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    bob = BOBS["later shard"]
    stage.play(says("carols-talk", "carol", 0))
    with stage.going_back(*TABLES):
        stage.play(says(ALICE, "alice", 0))
        alices_key = Session.objects.get(external_id=ALICE).pk

        def away(*_: object) -> None:
            raise ConnectionError("the worker is killed here")

        with monkeypatch.context() as patch:
            patch.setattr("sessions_app.outcomes.session_parts.store_metrics", away)
            with pytest.raises(ConnectionError):
                stage.play(says(ALICE, "alice", 1))
        assert stage.client.exists(keys.shard_outbox(SHARD))
    Session.objects.create(
        external_id=bob,
        title=bob,
        event=Event.objects.create(external_id="bob", title="Bob's"),
        started_at="2026-01-01T00:00:00Z",
        last_seen_at="2026-01-01T00:00:00Z",
    )
    assert Session.objects.get(external_id=bob).pk == alices_key
    with stage.client.pubsub(ignore_subscribe_messages=True) as listener:
        listener.subscribe(keys.ENGAGEMENT_UPDATE)
        listener.get_message(timeout=1)
        stage.play(says(ALICE, "alice", 2))
        told = [listener.get_message(timeout=0.5) for _ in range(9)]
    updates = [msgspec.json.decode(message["data"]) for message in told if message]
    assert {(update["sessionId"], update["eventId"]) for update in updates} == {
        ("carols-talk", "carol"),
        (ALICE, "alice"),
    }
    assert not rows(bob)


def test_pages_are_told_nothing_until_their_rights_were_looked_up_again(stage: Stage) -> None:
    stage.play(says(ALICE, "alice", 0))
    stage.client.zadd(keys.WATCHED_GROUPS, {"session.7": server_time_ms(stage.client)})
    assert watched_groups(stage.client).session_ids == {7}
    DatabaseEpoch.objects.update(mark=0)
    stage.client.hset(keys.DATABASE_EPOCH, "mark", 9)
    stage.play(says(ALICE, "alice", 1))
    assert watched_groups(stage.client) == WatchedGroups()
    assert 0 < stage.client.ttl(keys.DATABASE_CHANGED) <= 30
    stage.client.delete(keys.DATABASE_CHANGED)
    assert watched_groups(stage.client).session_ids == {7}


def test_windows_of_the_release_before_are_looked_up_once_and_stay(stage: Stage) -> None:
    stage.play(says(ALICE, "alice", 0), *joins(ALICE, 20))
    windows = stage.windows(ALICE)
    epoch = windows.epoch
    assert epoch == current_epoch(stage.client)
    windows.epoch = ""
    stage.client.set(keys.shard_windows(SHARD), windows.to_bytes())
    stage.play(says(ALICE, "alice", 1))
    assert [row.active_users for row in rows(ALICE)] == [20, 20]
    assert stage.windows(ALICE).epoch == epoch
    assert REKEYED not in read_counters(stage.client)


def test_an_ordinary_life_needs_one_epoch(stage: Stage) -> None:
    epochs = set()
    for number in range(4):
        stage.play(says(f"talk-{number}", "alice", number))
        epochs.add(current_epoch(stage.client))
    assert len(epochs) == 1
    assert not stage.client.exists(keys.DATABASE_CHANGED)


def test_shards_in_turn_share_a_look_that_no_other_connection_takes_over(stage: Stage) -> None:
    epochs = RecentEpoch(stage.client)
    epoch = epochs.recent()
    with CaptureQueriesContext(connection) as queries:
        assert [epochs.recent() for _ in range(3)] == [epoch] * 3
    assert not queries
    stage.client.hset(keys.DATABASE_EPOCH, "mark", 10**9)  # as if the database had gone back
    assert epochs.recent() == epoch, "a second old at most"
    connection.close()
    connection.ensure_connection()
    changed = epochs.recent()
    assert changed == current_epoch(stage.client) != epoch


def test_a_redis_without_memory_takes_the_database_as_it_is(stage: Stage) -> None:
    stage.play(says(ALICE, "alice", 0))
    epoch = current_epoch(stage.client)
    stage.client.flushall()
    assert current_epoch(stage.client) == epoch


def test_what_is_edited_under_a_key_of_another_session_is_not_taken_over(stage: Stage) -> None:
    """The key of a live row is another session's, and nothing else has told so."""
    stage.play(says(ALICE, "alice", 0), *joins(ALICE, 20))
    key = Session.objects.get(external_id=ALICE).pk
    bob = Event.objects.create(external_id="bob", title="Bob's")
    Session.objects.filter(pk=key).update(external_id="bobs-talk", event=bob)
    Session.objects.get(pk=key).save_edit("event")
    stage.play(says(ALICE, "alice", 1))
    assert Session.objects.get(external_id=ALICE).event.external_id == "alice"
    assert Session.objects.get(external_id="bobs-talk").event == bob
    assert len(rows("bobs-talk")) == 1, "what was stored before the key was another's"
    assert len(rows(ALICE)) == 1


@pytest.mark.parametrize(
    ("changed", "goes_on"),
    [
        ({}, True),
        ({"mark": 8, "last_session": 4}, True),
        ({"mark": 6}, False),
        ({"last_session": 2}, False),
        ({"epoch": "b"}, False),
        ({"incarnation": "server/2/5"}, False),
        ({"incarnation": ""}, True),
    ],
)
def test_a_database_goes_on_or_not(changed: dict[str, Any], goes_on: bool) -> None:
    before = Position("a", 7, 3, "server/1/5")
    assert before._replace(**changed).goes_on_from(before) is goes_on
