"""Who may see what, and what is live: with a real database."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from sessions_app.models import EngagementMetric, Event, Pause, PauseKind, PollMoment, Session
from sessions_app.queries.querysets import ASSIGNMENTS, AWAITS_EVENT, sees_everything
from tests.factories import (
    TICK,
    Cast,
    last_tick_end,
    make_event,
    make_metrics,
    make_poll_moment,
    make_session,
    make_staff,
    make_user,
)

pytestmark = pytest.mark.integration
SECOND = timedelta(seconds=1)


def visible(user: object) -> tuple[set[str], set[str]]:
    """Titles of the events and of the sessions that a user sees."""
    events, sessions = Event.objects.visible_to(user), Session.objects.visible_to(user)
    return {event.title for event in events}, {session.title for session in sessions}


EVERYTHING = ({"Alice's conference", "Bob's webinars"}, {"Keynote", "Panel"})
NOTHING: tuple[set[str], set[str]] = (set(), set())


def test_organizers_see_their_own(cast: Cast) -> None:
    assert visible(cast.alice) == ({"Alice's conference"}, {"Keynote"})
    assert visible(cast.bob) == ({"Bob's webinars"}, {"Panel"})
    assert visible(cast.charlie) == NOTHING


def test_an_event_of_several_organizers_is_seen_once(cast: Cast) -> None:
    cast.session.event.organizers.add(cast.bob, cast.charlie)
    assert Event.objects.visible_to(cast.bob).count() == 2
    assert Session.objects.visible_to(cast.charlie).count() == 1


def test_superusers_and_staff_with_the_permission_see_everything(cast: Cast) -> None:
    superuser = make_user("super", is_superuser=True)
    viewer = make_staff("viewer", "view_event")
    for user in (cast.admin, superuser, viewer):
        assert sees_everything(user)
        assert visible(user) == EVERYTHING


@pytest.mark.parametrize("permission", ["add_event", "change_event", "delete_event"])
def test_another_permission_shows_nothing(cast: Cast, permission: str) -> None:
    user = make_staff("clerk", permission)
    assert not sees_everything(user)
    assert visible(user) == NOTHING


def test_the_permission_alone_shows_nothing(cast: Cast) -> None:
    user = make_staff("former", "view_event")
    User.objects.filter(pk=user.pk).update(is_staff=False)
    former = User.objects.get(pk=user.pk)
    assert not sees_everything(former)
    assert visible(former) == NOTHING


def test_whoever_was_deactivated_sees_nothing(cast: Cast) -> None:
    for user in (cast.alice, cast.admin):
        user.is_active = False
        assert visible(user) == NOTHING


def test_strangers_see_nothing_and_cost_nothing(
    cast: Cast, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    assert not sees_everything(AnonymousUser())
    with django_assert_num_queries(0):
        assert visible(AnonymousUser()) == NOTHING


def test_an_id_means_the_real_event_and_else_the_stand_in(cast: Cast) -> None:
    stand_in = Event.objects.create(external_id="x", title="x", is_stand_in=True)
    assert list(Event.objects.meant_by("x")) == [stand_in]
    real = Event.objects.create(external_id="x", title="Real")
    assert list(Event.objects.meant_by("x")) == [real]
    assert not Event.objects.meant_by("y").exists()
    assert set(Event.objects.stand_ins()) == {stand_in}
    assert stand_in not in Event.objects.real()


def test_events_that_nobody_was_given(cast: Cast) -> None:
    alone = make_event("Alone")
    assert list(Event.objects.unassigned()) == [alone]


def test_a_session_is_live_until_it_has_ended(cast: Cast) -> None:
    ended = make_session(cast.session.event, "Ended", ended_at=timezone.now())
    assert list(Session.objects.ended()) == [ended]
    assert set(Session.objects.live()) == {cast.session, cast.bobs_session}


def test_a_pause_holds_its_start_and_not_its_end(cast: Cast) -> None:
    now = timezone.now()
    Pause.objects.create(
        session=cast.session, starts_at=now, ends_at=now + 9 * SECOND, kind=PauseKind.CLOSING
    )
    Pause.objects.create(session=cast.bobs_session, starts_at=now + 5 * SECOND)
    keys = [cast.session.pk, cast.bobs_session.pk]

    def kinds(seconds: int) -> dict[int, str]:
        return Pause.objects.kinds_by_session(keys, now + seconds * SECOND)

    assert kinds(-1) == {}
    assert kinds(0) == kinds(4) == {keys[0]: "CLOSING"}
    assert kinds(8) == {keys[0]: "CLOSING", keys[1]: "BREAK"}
    assert kinds(9) == kinds(9_999) == {keys[1]: "BREAK"}
    assert Pause.objects.kinds_by_session(keys[:1], now + 9 * SECOND) == {}


def test_the_last_moments_of_each_session_come_in_order(cast: Cast) -> None:
    now = timezone.now()
    for number in range(4):
        make_poll_moment(cast.session, f"p{number}", "CLOSED", now + number * SECOND)
    make_poll_moment(cast.bobs_session, "q", "CLOSED", now)
    found = PollMoment.objects.latest_of_sessions([cast.session.pk, cast.bobs_session.pk], 2)
    assert [[moment.poll_id for moment in moments] for moments in found.values()] == [
        ["p2", "p3"],
        ["q"],
    ]
    one = PollMoment.objects.latest_of_session(cast.session.pk, 9)
    assert [moment.poll_id for moment in one] == ["p0", "p1", "p2", "p3"]


def test_the_last_points_of_each_session_come_in_order(cast: Cast) -> None:
    make_metrics(cast.session, [0.1, 0.2, 0.3])
    keys = [cast.session.pk, cast.bobs_session.pk]
    found = EngagementMetric.objects.latest_points(keys, 2)
    assert [[point.score for point in found[key]] for key in keys] == [[0.2, 0.3], []]


def test_the_newest_row_of_each_session_that_has_one_lately(cast: Cast) -> None:
    end = last_tick_end()
    make_metrics(cast.session, [0.1, 0.2], end)
    make_metrics(cast.bobs_session, [0.9], end - 10 * TICK)
    keys = [cast.session.pk, cast.bobs_session.pk]
    newest = EngagementMetric.objects.latest_of_each(keys, end - 5 * TICK)
    assert [(row.session_id, row.score) for row in newest] == [(keys[0], 0.2)]
    assert len(EngagementMetric.objects.latest_of_each(keys, end - 11 * TICK)) == 2


def test_a_session_in_figures(cast: Cast) -> None:
    none = EngagementMetric.objects.totals_of_session(cast.session.pk)
    assert none == {"points": 0}
    assert EngagementMetric.objects.span_of_session(cast.session.pk) is None
    end = last_tick_end()
    make_metrics(cast.session, [0.2, 0.8, 0.5, 0.8], end)
    figures = EngagementMetric.objects.totals_of_session(cast.session.pk)
    assert (figures["points"], round(figures["average"], 6)) == (4, 0.575)
    bands = ("VERY_LOW", "LOW", "MODERATE", "HIGH", "VERY_HIGH")
    assert [figures[band] for band in bands] == [0, 1, 1, 0, 2]
    assert figures["highest"].time == end - 2 * TICK
    assert figures["lowest"].score == 0.2
    span = EngagementMetric.objects.span_of_session(cast.session.pk)
    assert span == (end - 3 * TICK, end)
    summary = EngagementMetric.objects.summaries([cast.session.pk], *span)[cast.session.pk]
    assert (round(summary["average"], 6), summary["peak"]) == (0.575, 120)


def test_every_relation_that_assigns_an_event_is_named() -> None:
    relations = {field.name for field in Event._meta.get_fields() if field.many_to_many}
    assert relations == ASSIGNMENTS


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("event", "stand_in", "awaits_event"),
    [
        ("conference", None, False),
        ("conference", "own", False),
        ("own", "own", True),
        ("others", None, False),
        ("others", "own", False),
    ],
)
def test_a_session_awaits_an_event_in_its_own_stand_in_only(
    event: str, stand_in: str | None, awaits_event: bool
) -> None:
    events: dict[str | None, Any] = {
        "conference": make_event("Conference"),
        "own": Event.objects.create(external_id="42", title="42", is_stand_in=True),
        "others": Event.objects.create(external_id="7", title="7", is_stand_in=True),
        None: None,
    }
    session = make_session(events[event], "Talk", stand_in=events[stand_in])
    assert session.awaits_event == awaits_event
    (in_query,) = Session.objects.annotate(found=AWAITS_EVENT).values_list("found", flat=True)
    assert in_query == awaits_event
