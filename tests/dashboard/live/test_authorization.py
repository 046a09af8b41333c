"""What sockets may go on showing, looked up for many at once."""

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import AnonymousUser
from django.test import Client

from dashboard.live.authorization import View, allowed_groups, authorize
from dashboard.live.subscriptions import ALL_EVENTS, event_group, session_group
from sessions_app.queries.querysets import sees_everything
from tests.factories import Cast

pytestmark = [
    pytest.mark.integration,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("connections_closed"),
]


def login(user: object) -> str:
    browser = Client()
    browser.force_login(user)
    return str(browser.session.session_key)


def test_each_view_is_allowed_to_whom_it_belongs(cast: Cast, django_assert_num_queries) -> None:
    own, foreign = View(cast.session.pk), View(cast.bobs_session.pk)
    unknown, overview = View(cast.bobs_session.pk + 1_000), View()
    with django_assert_num_queries(2):
        groups = allowed_groups(cast.alice, [own, foreign, unknown, overview])
    assert groups == {
        own: {session_group(cast.session.pk)},
        foreign: None,
        unknown: None,
        overview: {event_group(cast.session.event_id)},
    }
    assert sees_everything(cast.admin)
    assert allowed_groups(cast.admin, [overview, foreign]) == {
        overview: {ALL_EVENTS},
        foreign: {session_group(cast.bobs_session.pk)},
    }


def test_only_what_is_asked_for_is_looked_up(cast: Cast, django_assert_num_queries) -> None:
    for view in (View(cast.session.pk), View()):
        with django_assert_num_queries(1):
            assert allowed_groups(cast.alice, [view])[view]


def test_nobody_may_see_nothing(cast: Cast) -> None:
    views = [View(cast.session.pk), View()]
    assert allowed_groups(AnonymousUser(), views) == dict.fromkeys(views)


def test_a_deactivated_account_may_see_nothing(cast: Cast) -> None:
    views = [View(cast.session.pk), View()]
    for user in (cast.alice, cast.admin):
        user.is_active = False
        user.save()
        assert allowed_groups(user, views) == dict.fromkeys(views)


async def test_many_sockets_each_get_their_own_answer(cast: Cast) -> None:
    alice, bob = [await sync_to_async(login)(user) for user in (cast.alice, cast.bob)]
    alices, bobs = View(cast.session.pk), View(cast.bobs_session.pk)
    sockets = [(alice, alices), (bob, alices), (None, alices), (bob, bobs), (alice, bobs)]
    sockets += [("no such login", alices), (alice, View())]
    rights = await authorize(sockets)
    assert [right.groups is not None for right in rights] == [
        True, False, False, True, False, False, True,
    ]  # fmt: skip
    assert [right.user.get_username() for right in rights][:4] == ["alice", "bob", "", "bob"]
    await sync_to_async(cast.session.event.organizers.remove)(cast.alice)
    assert [right.groups for right in await authorize([(alice, alices)])] == [None]
