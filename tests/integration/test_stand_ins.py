"""From the platform's words to who sees what, where IDs of sessions and events are the same."""

from typing import Any

import pytest
import redis
from django.apps import apps
from django.utils import timezone

from sessions_app.models import Event, Session
from sessions_app.redis_access import keys
from sessions_app.shards.recovery import rebuild_windows
from sessions_app.shards.shard_store import ShardStore
from sessions_app.state.session_windows import SessionWindows
from sessions_app.storage.stand_in_repair import separate_stand_ins
from tests.factories import make_user
from tests.pipeline import Stage, updates_told
from tests.platform import chat

pytestmark = [pytest.mark.integration, pytest.mark.django_db(transaction=True)]


class Platform(Stage):
    """Says something in every tick, and has it scored."""

    def says(self, *pairs: tuple[str, str | None]) -> dict[str, str]:
        """A message in each session; returns the event that is published for each."""
        said = [
            chat(f"m{self.tick}-{number}", session=session, **({"eventId": event} if event else {}))
            for number, (session, event) in enumerate(pairs)
        ]
        with updates_told(self.client) as told:
            self.play(*((keys.CHAT_MESSAGE, message) for message in said))
        return {update["sessionId"]: update["eventId"] for update in told}


@pytest.fixture
def platform(redis_client: redis.Redis) -> Platform:
    return Platform(redis_client)


def seen_by(user: Any) -> set[str]:
    return {session.external_id for session in Session.objects.visible_to(user)}


def real(external_id: str) -> Event:
    return Event.objects.get(external_id=external_id, is_stand_in=False)


def test_an_event_before_a_session_with_its_id(platform: Platform) -> None:
    alice, bob = make_user("alice"), make_user("bob")
    platform.says(("7", "42"))
    real("42").organizers.add(alice)
    assert platform.says(("42", None)) == {"7": "42", "42": "42"}
    assert platform.says(("42", "42"))["42"] == "42", "that names no event"
    assert seen_by(alice) == {"7"}
    assert platform.says(("42", "bobs")) == {"7": "42", "42": "bobs"}
    real("bobs").organizers.add(bob)
    assert (seen_by(alice), seen_by(bob)) == ({"7"}, {"42"})


def test_a_session_before_an_event_with_its_id(platform: Platform) -> None:
    alice, bob = make_user("alice"), make_user("bob")
    platform.says(("42", None))
    assert platform.says(("7", "42")) == {"42": "42", "7": "42"}
    real("42").organizers.add(alice)
    assert seen_by(alice) == {"7"}
    assert platform.says(("42", "bobs"), ("8", "42")) == {"42": "bobs", "7": "42", "8": "42"}
    real("bobs").organizers.add(bob)
    assert (seen_by(alice), seen_by(bob)) == ({"7", "8"}, {"42"})
    assert Event.objects.count() == 2


def test_windows_that_are_rebuilt_know_stand_ins(platform: Platform) -> None:
    platform.says(("42", None), ("7", "42"), ("8", "8"))
    shards = {keys.shard_of(name) for name in ("42", "7", "8")}
    known = {}
    for shard in shards:
        windows = rebuild_windows(ShardStore(platform.client, shard), platform.tick)
        known |= dict(zip(windows.external_ids, windows.rows["event_is_known"], strict=True))
    assert known == {"42": False, "7": True, "8": False}


@pytest.mark.parametrize("settled", [False, True])
def test_an_upgrade_in_mid_session_brings_a_session_out_of_somebodys_event(
    platform: Platform, settled: bool
) -> None:
    """The version before had settled that a session stays, where its event was assigned."""
    alice = make_user("alice")
    platform.says(("42", None), ("7", "42"))
    as_it_was_before(platform.client, settled)
    real("42").organizers.add(alice)
    assert seen_by(alice) == {"7", "42"}
    separate_stand_ins(apps)
    assert seen_by(alice) == {"7"}
    stand_in = Session.objects.get(external_id="42").event
    assert platform.says(("7", "42")) == {"42": "42", "7": "42"}
    assert row_of(platform.client, "42")["event_id"] == stand_in.pk
    assert platform.says(("42", "bobs"))["42"] == "bobs"


def as_it_was_before(client: redis.Redis, settled: bool) -> None:
    """Puts session 42 into event 42, in the database and in the windows."""
    session = Session.objects.get(external_id="42")
    Event.objects.filter(pk=session.event_id).update(external_id="gone")
    Session.objects.update(event=real("42"), stand_in=None, edited_at=None)
    Event.objects.stand_ins().delete()
    shard = keys.shard_of("42")
    windows = SessionWindows.from_bytes(client.get(keys.shard_windows(shard)))
    row = windows.external_ids.index("42")
    windows.rows["event_id"][row] = real("42").pk
    windows.rows["event_is_known"][row] = settled
    client.set(keys.shard_windows(shard), windows.to_bytes())


def row_of(client: redis.Redis, session_id: str) -> Any:
    shard = keys.shard_of(session_id)
    windows = SessionWindows.from_bytes(client.get(keys.shard_windows(shard)))
    return windows.rows[windows.external_ids.index(session_id)]


def test_a_stand_in_gives_way_when_nobody_is_assigned_to_it_any_more(platform: Platform) -> None:
    bob = make_user("bob")
    platform.says(("42", None))
    stand_in = Session.objects.get().event
    stand_in.organizers.add(bob)
    assert platform.says(("42", "bobs")) == {"42": "42"}
    stand_in.organizers.clear()
    Session.objects.update(edited_at=timezone.now())
    assert platform.says(("42", "bobs")) == {"42": "bobs"}
