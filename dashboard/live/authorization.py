"""What each WebSocket may show, looked up for many at once."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from importlib import import_module
from typing import Any, NamedTuple

from channels.auth import get_user
from channels.db import database_sync_to_async
from django.conf import settings

from dashboard.live.subscriptions import ALL_EVENTS, event_group, session_group
from sessions_app.models import Event, Session
from sessions_app.queries.querysets import sees_everything

Groups = frozenset[str]


class View(NamedTuple):
    """What a WebSocket shows: a session, by its key, or without one the overview."""

    session_id: int | None = None


class Authorization(NamedTuple):
    """A WebSocket's user, and the groups that it may join; None if its view is not allowed."""

    user: Any
    groups: Groups | None


def allowed_groups(user: Any, views: Collection[View]) -> dict[View, Groups | None]:
    """The groups to join for each view; None if the user may not have it.

    Takes two queries at most, one for sessions and one for the overview.
    """
    wanted = {view.session_id for view in views} - {None}
    sessions = Session.objects.visible_to(user).filter(pk__in=wanted)
    visible = set(sessions.values_list("pk", flat=True))
    overview = _overview_groups(user) if View() in views else None
    return {
        view: overview
        if view.session_id is None
        else frozenset({session_group(view.session_id)})
        if view.session_id in visible
        else None
        for view in views
    }


def _overview_groups(user: Any) -> Groups | None:
    if not user.is_authenticated or not user.is_active:
        return None
    if sees_everything(user):
        return frozenset({ALL_EVENTS})
    keys = Event.objects.visible_to(user).values_list("pk", flat=True)
    return frozenset(event_group(key) for key in keys)


async def authorize(sockets: list[tuple[str | None, View]]) -> Sequence[Authorization]:
    """The authorization of each WebSocket, as the database has it now.

    Args:
        sockets: the key of each one's login, and its view.
    """
    views = defaultdict(set)
    for login, view in sockets:
        views[login].add(view)
    users = {login: await _user_of(login) for login in views}
    groups = await database_sync_to_async(
        lambda: {login: allowed_groups(users[login], wanted) for login, wanted in views.items()}
    )()
    return [Authorization(users[login], groups[login][view]) for login, view in sockets]


async def _user_of(login: str | None) -> Any:
    store = import_module(settings.SESSION_ENGINE).SessionStore
    return await get_user({"session": store(login)})
