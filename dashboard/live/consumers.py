"""WebSockets of pages: authorize, join groups, send a snapshot, then what the groups are sent."""

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
from dashboard.http.losses import losses
from dashboard.live.authorization import Authorization, Groups, View, authorize
from dashboard.live.batching import BatchLoader, SingleFlight
from dashboard.live.limits import KeyedLimit, TokenBucket
from dashboard.live.outages import TRY_AGAIN_LATER
from dashboard.live.relay import get_relay
from dashboard.live.subscriptions import (
    ALL_EVENTS,
    RENEWAL_SECONDS,
    event_of_group,
    remove_socket,
    renew_subscriptions,
)
from dashboard.pages import overview
from dashboard.pages.payloads import session_snapshots
from sessions_app.models import Session
from sessions_app.storage.locked_scores import ScoresLockedError
from sessions_app.telemetry.counters import REFUSED_REQUESTS, named
from sessions_app.telemetry.outages import SERVER_ERRORS, is_outage, log_failure

logger = logging.getLogger(__name__)

NO_LONGER_ALLOWED = 4403
SNAPSHOT_BURST = 5
SECONDS_PER_SNAPSHOT = 5.0
# Until scores that were locked are read again.
LOCKED_SECONDS = 2.0

# After a restart all screens reconnect at once; most overviews show the same.
overviews = SingleFlight()
open_sockets = KeyedLimit(settings.MAX_SOCKETS_PER_USER)
handshakes: BatchLoader[tuple[str | None, View], Authorization] = BatchLoader(0.02, authorize)
# Thousands of WebSockets are authorized anew every 20 s; none of them is in a hurry.
reauthorizations: BatchLoader[tuple[str | None, View], Authorization] = BatchLoader(1.0, authorize)
renewals: BatchLoader[tuple[Groups, str], None] = BatchLoader(0.02, renew_subscriptions)


async def load_session_pages(keys: list[int]) -> list[str | None]:
    """The snapshot of each session's page; None if there is no such session any more."""
    return await database_sync_to_async(_load_session_pages)(keys)


def _load_session_pages(keys: list[int]) -> list[str | None]:
    sessions = list(Session.objects.filter(pk__in=keys).select_related("event"))
    texts = {
        snapshot["session"]: msgspec.json.encode(snapshot).decode()
        for snapshot in session_snapshots(sessions)
    }
    return [texts.get(key) for key in keys]


# Small batches, so that the first of a crowd need not wait for the last.
session_pages: BatchLoader[int, str | None] = BatchLoader(0.02, load_session_pages, max_size=50)


class LiveConsumer(AsyncWebsocketConsumer):
    """Stays in its groups while the user may see them, and keeps their subscriptions alive.

    Subclasses say which view they are, and make its snapshot.
    """

    # Messages come through the relay; a channel of our own would cost two subscriptions on Redis.
    channel_layer_alias = ""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.socket_id = uuid.uuid4().hex
        self.joined: frozenset[str] = frozenset()
        # Messages since a snapshot was begun, the first one included; None while there is none.
        self._held_back: list[str] | None = []
        self._snapshot_lock = asyncio.Lock()
        self._renewal: asyncio.Task[None] | None = None
        self._retry: asyncio.Task[None] | None = None
        self._user_id: int | None = None
        self._requests = TokenBucket(SNAPSHOT_BURST, SECONDS_PER_SNAPSHOT, time.monotonic())

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
        # Channels would first close old connections to the database, in the one thread for which
        # all WebSockets would wait. The functions that ask the database do so themselves.
        await getattr(self, get_handler_name(message))(message)

    async def connect(self) -> None:
        user, groups = await handshakes.load((self.login, self.view))
        if groups is None or not self._acquire_socket(user.pk):
            await self.close()  # before it is accepted: the handshake is refused
            return
        # Join before reading: what happens in between is then sent twice rather than never.
        await self._join(groups)
        await self.accept()
        self._renewal = asyncio.create_task(self._renew_periodically())
        await self._send_snapshot()

    def _acquire_socket(self, user_id: int) -> bool:
        if not open_sockets.acquire(user_id):
            losses.count(named(REFUSED_REQUESTS, "socket"), f"user {user_id}")
            return False
        self._user_id = user_id
        return True

    async def receive(
        self, text_data: str | None = None, bytes_data: bytes | None = None, **kwargs: Any
    ) -> None:
        if not self._requests.take(time.monotonic()):
            losses.count(named(REFUSED_REQUESTS, "snapshot"), f"user {self._user_id}")
        elif _asks_for_snapshot(text_data):
            await self._send_snapshot()

    async def deliver(self, text: str) -> None:
        """Sends a message of a group; while a snapshot is made, after it."""
        if self._held_back is None:
            await self.send(text_data=text)
        else:
            self._held_back.append(text)

    async def _send_snapshot(self) -> None:
        """Sends the current state. While its scores are locked, the page keeps what it shows.

        It is retried in a task of its own, as messages from the page must be received meanwhile,
        above all that it has gone.
        """
        try:
            await self._try_snapshot()
        except ScoresLockedError:
            if self._retry is None or self._retry.done():
                self._retry = asyncio.create_task(self._retry_snapshot())

    async def _retry_snapshot(self) -> None:
        try:
            while True:
                await asyncio.sleep(LOCKED_SECONDS)
                with contextlib.suppress(ScoresLockedError):
                    return await self._try_snapshot()
        except Exception as error:  # noqa: BLE001 - a page that gets no snapshot must not stay open
            log_failure(logger, "WebSockets are closed, as there is no snapshot", error)
            await self.close(code=TRY_AGAIN_LATER)

    async def _try_snapshot(self) -> None:
        async with self._snapshot_lock:
            self._held_back = self._held_back or []
            try:
                text = await self.snapshot()
                if text is None:
                    await self.close(code=NO_LONGER_ALLOWED)
                    return
                await self.send(text_data=text)
                await self._send_held_back()
            except ScoresLockedError:
                await self._send_held_back()
                raise
            finally:
                self._held_back = None

    async def _send_held_back(self) -> None:
        while self._held_back:
            await self.send(text_data=self._held_back.pop(0))

    async def _join(self, groups: frozenset[str]) -> None:
        await get_relay().join(self.deliver, groups)
        self.joined = groups
        await renewals.load((groups, self.socket_id))

    async def _leave(self) -> None:
        if self._user_id is not None:
            open_sockets.release(self._user_id)
        tasks = [task for task in (self._renewal, self._retry) if task is not None]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        await get_relay().leave(self.deliver)
        if self.joined:
            with contextlib.suppress(*SERVER_ERRORS):
                await remove_socket(self.socket_id)

    async def _renew_periodically(self) -> None:
        try:
            while True:
                await asyncio.sleep(RENEWAL_SECONDS)
                await self._renew()
        except Exception as error:  # noqa: BLE001 - without renewals nobody checks authorization
            log_failure(logger, "WebSockets are closed, as they cannot be renewed", error)
            await self.close(code=TRY_AGAIN_LATER)

    async def _renew(self) -> None:
        try:
            await self._reauthorize()
        except SERVER_ERRORS as error:
            if not is_outage(error):
                raise
            # The next renewal may succeed; until then the page shows that it is out of date.
            log_failure(logger, "WebSockets could not be renewed", error)

    async def _reauthorize(self) -> None:
        """Closes the WebSocket, or changes its groups, as the user's login and rights are now."""
        _, groups = await reauthorizations.load((self.login, self.view))
        if groups is None:
            await self.close(code=NO_LONGER_ALLOWED)
            return
        changed = groups != self.joined
        await self._join(groups)
        if changed:
            await self._send_snapshot()


class SessionConsumer(LiveConsumer):
    """A session's page."""

    @property
    def view(self) -> View:
        return View(self.scope["url_route"]["kwargs"]["pk"])

    async def snapshot(self) -> str | None:
        return await session_pages.load(self.scope["url_route"]["kwargs"]["pk"])


class OverviewConsumer(LiveConsumer):
    """The overview of a user's live sessions."""

    @property
    def view(self) -> View:
        return View()

    async def snapshot(self) -> str | None:
        return await overviews.run(self.joined, database_sync_to_async(self._cards))

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
