"""Whose the parts of an outcome are that waited."""

import pytest
import redis

from sessions_app.models import Event, Session
from sessions_app.redis_access import keys
from tests.factories import make_session
from tests.pipeline import failing, rows, updates_told
from tests.sessions_app.shards.test_database_epochs import ALICE, Restorable, says

pytestmark = [pytest.mark.integration, pytest.mark.django_db(transaction=True)]

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


@pytest.fixture
def stage(redis_client: redis.Redis) -> Restorable:
    return Restorable(redis_client)


def test_results_that_waited_are_stored_under_the_keys_of_now(stage: Restorable) -> None:
    bob = BOBS["later shard"]
    stage.play(says("carols-talk", "carol", 0))
    with stage.going_back(*TABLES):
        stage.play(says(ALICE, "alice", 0))
        alices_key = Session.objects.get(external_id=ALICE).pk

        with (
            failing("sessions_app.outcomes.session_parts.store_metrics"),
            pytest.raises(ConnectionError),
        ):
            stage.play(says(ALICE, "alice", 1))
        assert stage.client.exists(keys.shard_outbox(SHARD))
    event = Event.objects.create(external_id="bob", title="Bob's")
    make_session(event, bob, external_id=bob)
    assert Session.objects.get(external_id=bob).pk == alices_key
    with updates_told(stage.client) as told:
        stage.play(says(ALICE, "alice", 2))
    assert {(update["sessionId"], update["eventId"]) for update in told} == {
        ("carols-talk", "carol"),
        (ALICE, "alice"),
    }
    assert not rows(bob)
