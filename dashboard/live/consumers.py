"""WebSocket consumers: check who it is, join the group, send the current state, forward events."""

import asyncio
import contextlib
import json
import logging
import time
import uuid
from typing import Any

import msgspec
from channels.consumer import get_handler_name
from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer
from django.conf import settings

from dashboard.http.credentials import checked_login
from dashboard.live.authorization import Groups, Right, View, current_rights
from dashboard.live.batching import SharedWork, Together
from dashboard.live.limits import Allowance, HeadCount
from dashboard.live.outages import TRY_AGAIN_LATER, UNAVAILABLE
from dashboard.live.relay import get_relay
from dashboard.live.subscriptions import (
    ALL_EVENTS,
    RENEWAL_SECONDS,
    event_of_group,
    forget_socket,
    renew_all,
)
from dashboard.losses import losses
from dashboard.pages import overview
from dashboard.pages.payloads import session_snapshots
from sessions_app.models import Session
from sessions_app.storage.locked_scores import ScoresLockedError
from sessions_app.telemetry.counters import REFUSED_REQUESTS, named
from sessions_app.telemetry.outages import is_outage, log_failure

logger = logging.getLogger(__name__)

NO_LONGER_ALLOWED = 4403
TOO_BIG = 1009
# All that a page ever says is {"type": "snapshot"}.
LONGEST_MESSAGE = 256
SNAPSHOTS_AT_ONCE = 5
SECONDS_PER_SNAPSHOT = 5.0
# Until scores that are locked are asked for again.
LOCKED_SECONDS = 2.0

# After a restart all screens come back at once; most overviews show the same.
overviews = SharedWork()
open_sockets = HeadCount(settings.MAX_SOCKETS_PER_USER)
entries: Together[tuple[str | None, View], Right] = Together(0.02, current_rights)
# Thousands of sockets have themselves renewed, each every 20 s.
rights: Together[tuple[str | None, View], Right] = Together(1.0, current_rights)
renewals: Together[tuple[Groups, str], None] = Together(0.02, renew_all)


async def current_sessions(keys: list[int]) -> list[str | None]:
    """The snapshot of each session's page; None of one that there is not any more."""
    return await database_sync_to_async(_current_sessions)(keys)


def _current_sessions(keys: list[int]) -> list[str | None]:
    sessions = list(Session.objects.filter(pk__in=keys).select_related("event"))
    texts = {
        snapshot["session"]: msgspec.json.encode(snapshot).decode()
        for snapshot in session_snapshots(sessions)
    }
    return [texts.get(key) for key in keys]


# So many that the first of a crowd does not wait for the last.
session_pages: Together[int, str | None] = Together(0.02, current_sessions, most=50)


class WatchingConsumer(AsyncWebsocketConsumer):
    """Joins groups as long as the user may, and tells the scorer that somebody is looking.

    Subclasses say which groups and what the current state is.
    """

    # What groups are told comes through the relay; a channel of one's own costs two subscriptions.
    channel_layer_alias = ""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.name = uuid.uuid4().hex
        self.joined: frozenset[str] = frozenset()
        # What has been told since a snapshot was begun; before the first one, too.
        self._held: list[str] | None = []
        self._sending = asyncio.Lock()
        self._renewal: asyncio.Task[None] | None = None
        self._unlocking: asyncio.Task[None] | None = None
        self._counted_as: int | None = None
        self._requests = Allowance(SNAPSHOTS_AT_ONCE, SECONDS_PER_SNAPSHOT, time.monotonic())

    @property
    def login(self) -> str | None:
        """The key of the user's login, as the browser sent it; None without one."""
        cookies: dict[str, str] = self.scope["cookies"]
        return checked_login(cookies.get(settings.SESSION_COOKIE_NAME))

    @property
    def view(self) -> View:
        """What it shows."""
        raise NotImplementedError

    async def snapshot(self) -> str | None:
        """The current state as a message, the same for all who joined these groups.

        None if there is nothing to show any more.
        """
        raise NotImplementedError

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            await self._leave()

    async def dispatch(self, message: Any) -> None:
        # Channels' own looks after the thread's connection to the database first, which all sockets
        # would wait for; whoever asks the database here does that then.
        await getattr(self, get_handler_name(message))(message)

    async def connect(self) -> None:
        user, groups = await entries.result((self.login, self.view))
        if groups is None or not self._count(user.pk):
            await self.close()  # before accepting: the handshake is refused
            return
        # First the group, then the state: what happens in between arrives twice rather than never.
        await self._join(groups)
        await self.accept()
        self._renewal = asyncio.create_task(self._keep_watching())
        await self._send_snapshot()

    def _count(self, user_id: int) -> bool:
        if not open_sockets.enter(user_id):
            losses.count(named(REFUSED_REQUESTS, "socket"), f"user {user_id}")
            return False
        self._counted_as = user_id
        return True

    async def receive(
        self, text_data: str | None = None, bytes_data: bytes | None = None, **kwargs: Any
    ) -> None:
        if len(text_data or bytes_data or "") > LONGEST_MESSAGE:
            losses.count(named(REFUSED_REQUESTS, "message"), f"user {self._counted_as}")
            await self.close(code=TOO_BIG)
        elif not self._requests.take(time.monotonic()):
            losses.count(named(REFUSED_REQUESTS, "snapshot"), f"user {self._counted_as}")
        elif _asks_for_snapshot(text_data):
            await self._send_snapshot()

    async def tell(self, text: str) -> None:
        """Sends what a group was told; while a snapshot is on its way, after it."""
        if self._held is None:
            await self.send(text_data=text)
        else:
            self._held.append(text)

    async def _send_snapshot(self) -> None:
        """Sends the current state; as long as its scores are locked the page keeps what it shows.

        Whatever the page says meanwhile is heard, its end above all.
        """
        try:
            await self._try_snapshot()
        except ScoresLockedError:
            if self._unlocking is None or self._unlocking.done():
                self._unlocking = asyncio.create_task(self._send_when_unlocked())

    async def _send_when_unlocked(self) -> None:
        try:
            while True:
                await asyncio.sleep(LOCKED_SECONDS)
                with contextlib.suppress(ScoresLockedError):
                    return await self._try_snapshot()
        except Exception as error:  # noqa: BLE001 - a page that waits for ever must not stay
            log_failure(logger, "Sockets get no snapshot and end", error)
            await self.close(code=TRY_AGAIN_LATER)

    async def _try_snapshot(self) -> None:
        async with self._sending:
            self._held = self._held or []
            try:
                text = await self.snapshot()
                if text is None:
                    await self.close(code=NO_LONGER_ALLOWED)
                    return
                await self.send(text_data=text)
                await self._tell_held()
            except ScoresLockedError:
                await self._tell_held()
                raise
            finally:
                self._held = None

    async def _tell_held(self) -> None:
        while self._held:
            await self.send(text_data=self._held.pop(0))

    async def _join(self, groups: frozenset[str]) -> None:
        await get_relay().join(self.tell, groups)
        self.joined = groups
        await renewals.result((groups, self.name))

    async def _leave(self) -> None:
        if self._counted_as is not None:
            open_sockets.leave(self._counted_as)
        tasks = [task for task in (self._renewal, self._unlocking) if task is not None]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        await get_relay().leave(self.tell)
        if self.joined:
            with contextlib.suppress(*UNAVAILABLE):
                await forget_socket(self.name)

    async def _keep_watching(self) -> None:
        try:
            while True:
                await asyncio.sleep(RENEWAL_SECONDS)
                await self._renew()
        except Exception as error:  # noqa: BLE001 - a socket that nobody checks must not stay
            log_failure(logger, "Sockets are not renewed and end", error)
            await self.close(code=TRY_AGAIN_LATER)

    async def _renew(self) -> None:
        try:
            await self._check_again()
        except UNAVAILABLE as error:
            if not is_outage(error):
                raise
            # An outage is over at some time; until then the page shows that it is stale.
            log_failure(logger, "Sockets are not renewed", error)

    async def _check_again(self) -> None:
        """Whether the user is still logged in and may still see it all: both can end meanwhile."""
        _, groups = await rights.result((self.login, self.view))
        if groups is None:
            await self.close(code=NO_LONGER_ALLOWED)
            return
        changed = groups != self.joined
        await self._join(groups)
        if changed:
            await self._send_snapshot()


class SessionConsumer(WatchingConsumer):
    """A session's page."""

    @property
    def view(self) -> View:
        return View(self.scope["url_route"]["kwargs"]["pk"])

    async def snapshot(self) -> str | None:
        return await session_pages.result(self.scope["url_route"]["kwargs"]["pk"])


class OverviewConsumer(WatchingConsumer):
    """The overview of a user's live sessions."""

    @property
    def view(self) -> View:
        return View()

    async def snapshot(self) -> str | None:
        return await overviews.result(self.joined, database_sync_to_async(self._cards))

    def _cards(self) -> str:
        sessions = Session.objects.all()
        if ALL_EVENTS not in self.joined:
            sessions = sessions.filter(event_id__in=map(event_of_group, self.joined))
        return msgspec.json.encode(overview.snapshot(sessions)).decode()


def _asks_for_snapshot(text: str | None) -> bool:
    try:
        message = json.loads(text or "")
    except ValueError:
        return False
    return isinstance(message, dict) and message.get("type") == "snapshot"
