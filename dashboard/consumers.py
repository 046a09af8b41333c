"""WebSocket consumers: check who it is, join the group, send the current state, forward events."""

import asyncio
import contextlib
from importlib import import_module
from typing import Any

import redis.asyncio
from channels.auth import get_user
from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncJsonWebsocketConsumer
from django.conf import settings

from dashboard import overview
from dashboard.payloads import session_snapshot
from dashboard.watching import ALL_EVENTS, RENEWAL_SECONDS, event_group, renew, session_group
from sessions_app.models import Event, Session
from sessions_app.queries import sees_everything

NO_LONGER_ALLOWED = 4403


class WatchingConsumer(AsyncJsonWebsocketConsumer):
    """Joins groups as long as the user may, and tells the scorer that somebody is looking.

    Subclasses say which groups and what the current state is.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.joined: set[str] = set()
        self._renewal: asyncio.Task[None] | None = None
        self._redis: redis.asyncio.Redis | None = None

    async def allowed_groups(self, user: Any) -> set[str] | None:
        """The groups to join for ``user``; None refuses the connection."""
        raise NotImplementedError

    async def snapshot(self, user: Any) -> dict[str, Any]:
        """The current state, as one message."""
        raise NotImplementedError

    async def connect(self) -> None:
        groups = await self.allowed_groups(self.scope["user"])
        if groups is None:
            await self.close()  # before accepting: the handshake is refused
            return
        self._redis = redis.asyncio.Redis.from_url(
            settings.REDIS_URL, socket_timeout=5, socket_connect_timeout=5
        )
        # First the group, then the state: what happens in between arrives twice rather than never.
        await self._join(groups)
        await self.accept()
        await self.send_json(await self.snapshot(self.scope["user"]))
        self._renewal = asyncio.create_task(self._keep_watching())

    async def disconnect(self, code: int) -> None:
        if self._renewal is not None:
            self._renewal.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._renewal
        for group in self.joined:
            with contextlib.suppress(redis.RedisError, OSError):
                await self.channel_layer.group_discard(group, self.channel_name)
        if self._redis is not None:
            await self._redis.aclose()

    async def receive(
        self, text_data: str | None = None, bytes_data: bytes | None = None, **kwargs: Any
    ) -> None:
        # The only thing a page ever says is that it has missed something.
        if text_data == "snapshot":
            await self.send_json(await self.snapshot(self.scope["user"]))

    async def scores_updated(self, event: dict[str, Any]) -> None:
        await self.send_json({"type": "points", "points": event["points"]})

    async def sessions_ended(self, event: dict[str, Any]) -> None:
        await self.send_json({"type": "ended", "sessions": event["sessions"]})

    async def _join(self, groups: set[str]) -> None:
        for group in groups - self.joined:
            await self.channel_layer.group_add(group, self.channel_name)
        for group in self.joined - groups:
            await self.channel_layer.group_discard(group, self.channel_name)
        self.joined = groups
        if self._redis is not None:
            await renew(self._redis, sorted(groups))

    async def _keep_watching(self) -> None:
        while True:
            await asyncio.sleep(RENEWAL_SECONDS)
            # An outage is over at some time; until then the page shows that it is stale.
            with contextlib.suppress(redis.RedisError, OSError):
                await self._check_again()

    async def _check_again(self) -> None:
        """Whether the user is still logged in and may still see it all: both can end meanwhile."""
        user = await get_current_user(self.scope)
        groups = await self.allowed_groups(user)
        if groups is None:
            await self.close(code=NO_LONGER_ALLOWED)
            return
        self.scope["user"] = user
        changed = groups != self.joined
        await self._join(groups)
        if changed:
            await self.send_json(await self.snapshot(user))


async def get_current_user(scope: dict[str, Any]) -> Any:
    """The user of the connection's login as the database has it now, not as it was at the start."""
    store = import_module(settings.SESSION_ENGINE).SessionStore
    return await get_user({"session": store(scope["session"].session_key)})


class SessionConsumer(WatchingConsumer):
    """A session's page."""

    async def allowed_groups(self, user: Any) -> set[str] | None:
        session_id = self.scope["url_route"]["kwargs"]["pk"]
        visible = Session.objects.visible_to(user).filter(pk=session_id)
        return {session_group(session_id)} if await visible.aexists() else None

    async def snapshot(self, user: Any) -> dict[str, Any]:
        return await self._snapshot()

    @database_sync_to_async
    def _snapshot(self) -> dict[str, Any]:
        pk = self.scope["url_route"]["kwargs"]["pk"]
        return session_snapshot(Session.objects.select_related("event").get(pk=pk))


class OverviewConsumer(WatchingConsumer):
    """The overview of a user's live sessions."""

    @database_sync_to_async
    def _allowed_groups(self, user: Any) -> set[str]:
        if sees_everything(user):
            return {ALL_EVENTS}
        keys = Event.objects.visible_to(user).values_list("pk", flat=True)
        return {event_group(key) for key in keys}

    async def allowed_groups(self, user: Any) -> set[str] | None:
        if not user.is_authenticated or not user.is_active:
            return None
        groups: set[str] = await self._allowed_groups(user)
        return groups

    async def snapshot(self, user: Any) -> dict[str, Any]:
        return await database_sync_to_async(overview.snapshot)(user)
