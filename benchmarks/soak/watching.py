"""Records when each tick was scored, and when the last open screen showed it."""

import threading
import time
from typing import Self

from django.contrib.auth.models import User
from django.test import Client

from benchmarks.web.spectators import Screen, Spectators, opening_request
from sessions_app.models import Event, Session
from sessions_app.redis_access import keys
from sessions_app.redis_access.client import connect
from sessions_app.ticks import tick_at, tick_end_ms

POLL_SECONDS = 0.05


class TickWatch(threading.Thread):
    """Records when each tick has been scored in all shards.

    Attributes:
        delays: seconds after the end of each tick.
    """

    def __init__(self) -> None:
        super().__init__(name="tick-watch", daemon=True)
        self.delays: dict[int, float] = {}
        self._client = connect()
        self._stopping = threading.Event()
        self._names = [keys.scored_tick(shard) for shard in range(keys.SHARD_COUNT)]

    def run(self) -> None:
        last = self.scored()
        while not self._stopping.wait(POLL_SECONDS):
            scored, now_ms = self.scored(), time.time() * 1000
            for tick in range(last + 1, scored + 1):
                self.delays[tick] = (now_ms - tick_end_ms(tick)) / 1000
            last = scored

    def scored(self) -> int:
        """The last tick that all shards have scored; 0 before the first."""
        return min(int(tick or 0) for tick in self._client.mget(self._names))

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._stopping.set()
        self.join()


class ScreenWatch(threading.Thread):
    """Records when the last screen had all points of each tick.

    Attributes:
        delays: seconds after the end of each tick.
        problem: why it stopped watching; empty while it watches.
    """

    def __init__(self, spectators: Spectators) -> None:
        super().__init__(name="screen-watch", daemon=True)
        self.delays: dict[int, float] = {}
        self.problem = ""
        self._spectators = spectators
        self._stopping = threading.Event()

    def run(self) -> None:
        tick = tick_at(time.time_ns() // 1_000_000) + 1
        since_epoch = time.time() - time.monotonic()
        while not self._stopping.is_set():
            try:
                shown = max(self._spectators.current_at(tick_end_ms(tick)))
            except (AssertionError, EOFError) as error:
                self.problem = f"tick {tick}: {error}"
                return
            self.delays[tick] = shown + since_epoch - tick_end_ms(tick) / 1000
            tick += 1

    def stop(self) -> None:
        """Stops after the tick that it is waiting for."""
        self._stopping.set()
        self.join()
        self._spectators.stop()


def open_screens(port: int, overviews: int, pages: int) -> Spectators:
    """Opens overviews, each of an organizer with one event, and session pages of these events."""
    screens = []
    for event in Event.objects.order_by("pk")[:overviews]:
        organizer = User.objects.create(username=f"organizer-{event.pk}")
        organizer.events.add(event)
        cookies = _cookies(organizer)
        sessions = Session.objects.filter(event=event).order_by("pk").values_list("pk", flat=True)
        paths = {"/ws/overview/": len(sessions)}
        paths |= {f"/ws/sessions/{key}/": 1 for key in sessions[: pages // overviews]}
        screens += [
            Screen(opening_request(path, port, cookies), points) for path, points in paths.items()
        ]
    return Spectators(port, screens)


def _cookies(organizer: User) -> dict[str, str]:
    """The cookies of a browser in which the organizer has logged in."""
    client = Client()
    client.force_login(organizer)
    return {name: morsel.value for name, morsel in client.cookies.items()}
