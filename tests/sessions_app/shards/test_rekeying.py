"""Sessions of a shard in a database that gives other keys."""

from datetime import timedelta
from typing import Any

import numpy as np
import pytest
import redis
from django.utils import timezone

from sessions_app.models import EngagementMetric, Event, Session
from sessions_app.redis_access import keys
from sessions_app.shards.database_epochs import current_epoch
from sessions_app.shards.rekeying import rekey_sessions
from sessions_app.state.session_windows import ROW, SessionWindows
from sessions_app.telemetry.counters import REKEYED, read_counters
from sessions_app.ticks import tick_ending
from tests.factories import last_tick_end, make_event, make_session
from tests.pipeline import rows
from tests.platform import user
from tests.sessions_app.outcomes.test_addresses import BOBS, SHARD, TABLES
from tests.sessions_app.shards.test_database_epochs import ALICE, Restorable, says

pytestmark = [pytest.mark.integration, pytest.mark.django_db(transaction=True)]
SECOND = timedelta(seconds=1)


@pytest.fixture
def stage(redis_client: redis.Redis) -> Restorable:
    return Restorable(redis_client)


def joins(session: str, count: int) -> list[tuple[str, Any]]:
    return [(keys.SYNC_EVENTS, user("user_join", f"u{number}", session)) for number in range(count)]


@pytest.mark.parametrize("place", BOBS)
@pytest.mark.parametrize(
    "tables", [TABLES, TABLES[:-1]], ids=["a restored dump", "without the mark"]
)
def test_a_reused_key_gives_nobody_anothers_row(
    stage: Restorable, place: str, tables: tuple[str, ...]
) -> None:
    bob = BOBS[place]
    stage.play(says("carols-talk", "carol", 0))
    with stage.going_back(*tables):
        stage.play(says(ALICE, "alice", 0), *joins(ALICE, 20))
        stage.play(says(ALICE, "alice", 1))
        alices_key = Session.objects.get(external_id=ALICE).pk
    assert not Session.objects.filter(external_id=ALICE).exists()
    # Bob's session comes first in the restored database, from the admin, and gets Alice's old key.
    event = Event.objects.create(external_id="bob", title="Bob's")
    make_session(event, bob, external_id=bob, edited_at=timezone.now())
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


def test_windows_of_the_release_before_are_looked_up_once_and_stay(stage: Restorable) -> None:
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


def test_what_is_edited_under_a_key_of_another_session_is_not_taken_over(stage: Restorable) -> None:
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


def rekeyed(session: Session) -> Session:
    """The session after its shard, in which it is live, has looked up its keys."""
    windows = SessionWindows(tick_ending(last_tick_end()))
    row = np.zeros(1, ROW)
    row["session_id"], row["event_id"] = session.pk, session.event_id
    windows.add_sessions([session.external_id], row)
    rekey_sessions(windows)
    session.refresh_from_db()
    return session


@pytest.mark.parametrize(
    ("by_hand", "edited_after_seconds", "is_over"),
    [
        (True, 0, True),
        (True, None, True),
        (False, 1, False),
        (False, None, False),
        pytest.param(None, 0, True, id="by hand, in the release before"),
        pytest.param(None, -1, False, id="by the clock, in the release before"),
        pytest.param(None, None, False, id="by the clock, in the release before, never edited"),
    ],
)
def test_only_an_end_by_hand_outlasts_a_restored_database(
    by_hand: bool | None, edited_after_seconds: int | None, is_over: bool
) -> None:
    now = timezone.now()
    session = make_session(
        make_event("Conference"),
        "Talk",
        ended_at=now,
        ended_by_hand=by_hand,
        edited_at=None if edited_after_seconds is None else now + edited_after_seconds * SECOND,
    )
    session = rekeyed(session)
    assert session.is_over == is_over
    assert session.ended_by_hand == (by_hand if is_over else None)
