"""A database that goes back in time while Redis stays: keys are other sessions' by then."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import redis
from django.db import connection
from django.test.utils import CaptureQueriesContext

from dashboard.live.subscriptions import WatchedGroups, watched_groups
from sessions_app.models import DatabaseEpoch
from sessions_app.redis_access import keys
from sessions_app.redis_access.client import server_time_ms
from sessions_app.shards.database_epochs import Position, RecentEpoch, advance_mark, current_epoch
from sessions_app.state.session_windows import SessionWindows
from tests.pipeline import Stage
from tests.platform import chat

pytestmark = [pytest.mark.integration, pytest.mark.django_db(transaction=True)]

ALICE = "alices-talk"


class Restorable(Stage):
    """A pipeline whose database can be put back."""

    def score(self) -> None:
        advance_mark(self.client)
        super().score()

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
def stage(redis_client: redis.Redis) -> Restorable:
    return Restorable(redis_client)


def says(session: str, event: str, tick: int, author: str = "u1") -> tuple[str, Any]:
    return keys.CHAT_MESSAGE, chat(f"{session}-{tick}", author, session, eventId=event)


def test_pages_are_told_nothing_until_their_rights_were_looked_up_again(stage: Restorable) -> None:
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


def test_an_ordinary_life_needs_one_epoch(stage: Restorable) -> None:
    epochs = set()
    for number in range(4):
        stage.play(says(f"talk-{number}", "alice", number))
        epochs.add(current_epoch(stage.client))
    assert len(epochs) == 1
    assert not stage.client.exists(keys.DATABASE_CHANGED)


def test_shards_in_turn_share_a_look_that_no_other_connection_takes_over(stage: Restorable) -> None:
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


def test_a_redis_without_memory_takes_the_database_as_it_is(stage: Restorable) -> None:
    stage.play(says(ALICE, "alice", 0))
    epoch = current_epoch(stage.client)
    stage.client.flushall()
    assert current_epoch(stage.client) == epoch


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
