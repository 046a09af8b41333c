"""Sessions find their events, and no event of somebody else that happens to have the same ID."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from dashboard.models import ApiToken
from sessions_app.events.blocks import Mention
from sessions_app.models import Event, Session
from sessions_app.storage.sessions import end_silent_sessions, event_keys, resolve_sessions
from tests.factories import make_event, make_session, make_user

pytestmark = pytest.mark.django_db


def mention(*pairs: tuple[str, str | None], time: datetime | None = None) -> Any:
    """What the platform says in one tick of one shard."""
    return resolve_sessions([Mention(*pair) for pair in pairs], time or timezone.now())


def event_of(session_id: str) -> Event:
    return Session.objects.select_related("event").get(external_id=session_id).event


def real(external_id: str) -> Event:
    return Event.objects.get(external_id=external_id, is_stand_in=False)


def test_a_session_gets_no_event_of_somebody_else_with_its_id() -> None:
    alice, bob = make_user("alice"), make_user("bob")
    mention(("7", "42"))
    real("42").organizers.add(alice)
    mention(("42", None))
    assert {session.external_id for session in Session.objects.visible_to(alice)} == {"7"}
    assert event_of("42").is_stand_in
    mention(("42", "bobs"))
    real("bobs").organizers.add(bob)
    assert event_of("42") == real("bobs")
    assert {session.external_id for session in Session.objects.visible_to(bob)} == {"42"}
    assert not Event.objects.stand_ins().exists(), "nobody needs it any more"


def test_a_stand_in_is_not_taken_for_an_event_that_is_named_like_it() -> None:
    alice = make_user("alice")
    mention(("42", None))
    mention(("7", "42"))
    real("42").organizers.add(alice)
    assert event_of("7") != event_of("42")
    assert {session.external_id for session in Session.objects.visible_to(alice)} == {"7"}
    reference = mention(("42", "bobs"))["42"]
    assert (reference.event_id, reference.event_is_known) == (real("bobs").pk, True)
    assert event_of("7") == real("42")


def test_both_directions_hold_within_one_tick() -> None:
    references = mention(("42", None), ("7", "42"), ("8", None), ("42x", "8"))
    events = {name: Event.objects.get(pk=found.event_id) for name, found in references.items()}
    told = {name: (event.external_id, event.is_stand_in) for name, event in events.items()}
    assert told == {
        "42": ("42", True),
        "7": ("42", False),
        "8": ("8", True),
        "42x": ("8", False),
    }
    assert [references[name].event_is_known for name in told] == [False, True, False, True]


def test_sessions_may_be_named_like_each_others_events() -> None:
    mention(("a", "b"), ("b", "a"), ("c", "c-event"))
    assert {name: event_of(name).external_id for name in "abc"} == {
        "a": "b",
        "b": "a",
        "c": "c-event",
    }
    assert not Event.objects.stand_ins().exists()


def test_a_token_of_an_event_sees_no_session_with_its_id() -> None:
    mention(("42", None), ("7", "42"))
    token, _ = ApiToken.objects.issue(name="partner")
    token.events.add(real("42"))
    assert [session.external_id for session in token.visible_sessions()] == ["7"]


@pytest.mark.parametrize("given_to", ["an organizer", "a token"])
def test_a_stand_in_that_somebody_was_given_stays(given_to: str) -> None:
    mention(("42", None))
    stand_in = event_of("42")
    if given_to == "an organizer":
        stand_in.organizers.add(make_user("bob"))
    else:
        ApiToken.objects.issue(name="partner")[0].events.add(stand_in)
    reference = mention(("42", "bobs"))["42"]
    assert event_of("42") == stand_in
    assert reference.event_is_known, "it need not be asked for again at every tick"
    assert not Event.objects.filter(external_id="bobs").exists()


def test_a_stand_in_with_another_session_in_it_is_left_and_stays() -> None:
    mention(("42", None))
    stand_in = event_of("42")
    other = make_session(stand_in, "put there by hand", external_id="other")
    mention(("42", "bobs"), ("other", "elsewhere"))
    assert event_of("42") == real("bobs")
    other.refresh_from_db()
    assert other.event == stand_in, "a person has decided"


def test_a_session_keeps_its_event_and_where_an_admin_has_put_it() -> None:
    mention(("42", None))
    session = Session.objects.get()
    session.event = make_event("By hand")
    session.save_edit("event")
    mention(("42", "bobs"))
    assert event_of("42").title == "By hand"
    mention(("7", "first"))
    mention(("7", "second"))
    assert event_of("7") == real("first")


def test_an_admin_who_moves_a_session_at_the_same_moment_has_the_last_word() -> None:
    mention(("42", None))
    moved = make_event("By hand")

    def admin_is_faster(execute: Any, sql: str, *rest: Any) -> Any:
        if "unnest" in sql:
            Session.objects.update(event=moved)
        return execute(sql, *rest)

    with connection.execute_wrapper(admin_is_faster):
        mention(("42", "bobs"))
    assert event_of("42") == moved


def test_a_session_that_is_made_again_finds_the_stand_in_it_had() -> None:
    mention(("42", None))
    stand_in = event_of("42")
    stand_in.organizers.add(make_user("bob"))
    Session.objects.all().delete()
    stand_in.refresh_from_db()
    assert stand_in.is_stand_in, "it does not turn into an event of that ID"
    mention(("42", None))
    assert event_of("42") == stand_in


def queries(work: Callable[[], object]) -> int:
    with CaptureQueriesContext(
        connection,
    ) as captured:
        work()
    return len(captured)


@pytest.mark.parametrize("same_event", [True, False])
def test_moving_three_sessions_takes_as_many_queries_as_moving_one(same_event: bool) -> None:
    names = [f"s{number}" for number in range(44)]
    mention(*((name, None) for name in names))
    events = ["e" if same_event else f"e-{name}" for name in names]
    pairs = list(zip(names, events, strict=True))
    one, three, forty = (
        queries(lambda some=some: mention(*some)) for some in (pairs[:1], pairs[1:4], pairs[4:])
    )
    # The event is there already where it is the same.
    assert {three, forty} == {one - 2 * same_event}
    assert Session.objects.filter(stand_in__isnull=True).count() == len(names)
    assert not Event.objects.stand_ins().exists()


def test_sessions_that_are_known_are_found_with_one_query() -> None:
    mention(("a", "e"), ("b", "e"), ("c", None))
    assert queries(lambda: mention(("a", "e"), ("b", "other"), ("c", None))) == 3, "with BEGIN"


def test_ids_are_unique_among_events_and_among_stand_ins() -> None:
    for is_stand_in in (False, True):
        Event.objects.create(external_id="42", is_stand_in=is_stand_in)
        with pytest.raises(IntegrityError), transaction.atomic():
            Event.objects.create(external_id="42", is_stand_in=is_stand_in)


def test_a_stand_in_belongs_to_one_session() -> None:
    mention(("42", None))
    stand_in = event_of("42")
    with pytest.raises(IntegrityError), transaction.atomic():
        make_session(stand_in, "another", stand_in=stand_in)


def test_keys_of_events_are_not_those_of_stand_ins() -> None:
    mention(("42", None), ("7", "e"))
    assert event_keys(["42", "7", "e"]) == {"e": real("e").pk}


def test_a_row_of_the_version_before_is_an_event() -> None:
    mention(("7", "42"))
    fields = [field.column for field in Event._meta.concrete_fields]
    assert fields[:3] == ["id", "external_id", "is_stand_in"]
    known_before = ", ".join(fields[3:])
    table = Event._meta.db_table
    copy = f"INSERT INTO {table} (external_id, {{0}}) SELECT {{1}}, {{0}} FROM {table}"
    with connection.cursor() as cursor:
        cursor.execute(copy.format(known_before, "'43'"))
        cursor.execute(f"{copy.format(known_before, 'external_id')} ON CONFLICT DO NOTHING")
        assert cursor.rowcount == 0, "none comes twice"
    assert event_keys(["42", "43"]).keys() == {"42", "43"}


def in_two_threads(work: Callable[[int], None]) -> None:
    """Calls it with 0 and 1 at the same time; raises what it raises."""

    def alone(number: int) -> None:
        try:
            work(number)
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as threads:
        for done in [threads.submit(alone, number) for number in range(2)]:
            done.result(60)


@pytest.mark.django_db(transaction=True)
def test_two_shards_that_name_the_same_events_do_not_wait_for_each_other() -> None:
    """In opposite order, for new sessions and for such as have stand-ins."""
    barrier, rounds = threading.Barrier(2), 12

    def shard(number: int) -> None:
        for turn in range(rounds):
            names = [f"e{turn}-{event}" for event in range(20)][:: 1 - 2 * number]
            sessions = [f"s{number}-{turn}-{event}" for event in range(20)]
            mention(*((session, None) for session in sessions[:10]))
            barrier.wait(30)
            mention(*zip(sessions, names, strict=True))

    in_two_threads(shard)
    assert Event.objects.real().count() == rounds * 20
    assert not Event.objects.stand_ins().exists()


@pytest.mark.django_db(transaction=True)
def test_two_workers_in_the_same_shard_make_one_stand_in() -> None:
    barrier = threading.Barrier(2)

    def worker(_: int) -> None:
        for turn in range(12):
            barrier.wait(30)
            mention(*((f"s{turn}-{number}", None) for number in range(10)))

    in_two_threads(worker)
    assert Event.objects.stand_ins().count() == Session.objects.count() == 120
    assert not Session.objects.filter(stand_in__isnull=True).exists()


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
