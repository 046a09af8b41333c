"""What each socket may go on showing, looked up for many sockets at once."""

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
    """What a socket shows: a session, by its key, or without one the overview."""

    session_id: int | None = None


class Right(NamedTuple):
    """Whose socket it is, and the groups that it may join; None for none of them."""

    user: Any
    groups: Groups | None


def allowed_groups(user: Any, views: Collection[View]) -> dict[View, Groups | None]:
    """The groups to join for each view; None where the user may not have it.

    Asks the database twice at most.
    """
    wanted = {view.session_id for view in views} - {None}
    visible: set[int] = set()
    if wanted:
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


async def current_rights(sockets: list[tuple[str | None, View]]) -> Sequence[Right]:
    """Of each socket, by the key of its login and what it shows, as the database has it now."""
    views = defaultdict(set)
    for login, view in sockets:
        views[login].add(view)
    users = {login: await _current_user(login) for login in views}
    groups = await database_sync_to_async(
        lambda: {login: allowed_groups(users[login], wanted) for login, wanted in views.items()}
    )()
    return [Right(users[login], groups[login][view]) for login, view in sockets]


async def _current_user(login: str | None) -> Any:
    store = import_module(settings.SESSION_ENGINE).SessionStore
    return await get_user({"session": store(login)})
