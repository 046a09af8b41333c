"""A big conference with one organizer, with five minutes already scored."""

import time

import numpy as np
from django.contrib.auth.models import User
from django.test import Client

from benchmarks.inputs.live_sessions import activity, deliver, joins, register
from benchmarks.pipeline.scorers import Scorers
from sessions_app.models import Event, Session
from sessions_app.redis_access.client import connect
from sessions_app.ticks import tick_at, tick_end_ms

SESSIONS = 500
EVENTS = 5
PAST_TICKS = 60
SEED = 1


class Conference:
    """500 live sessions of five events.

    Attributes:
        organizer: organizer of all events.
        session_keys: primary keys of the sessions.
    """

    def __init__(self, scorers: Scorers) -> None:
        self._client = connect(socket_timeout=60)
        self._client.flushdb()
        self._scorers = scorers
        self._names = register(SESSIONS, EVENTS)
        self._random_numbers = np.random.default_rng(SEED)
        User.objects.all().delete()
        self.organizer = User.objects.create(username="organizer")
        self.organizer.events.set(Event.objects.all())
        self.session_keys = [*Session.objects.values_list("pk", flat=True)]
        self._tick = tick_at(time.time_ns() // 1_000_000) - PAST_TICKS - 1
        deliver(self._client, self._tick, self._names, joins(SESSIONS))
        scorers.score(self._tick)
        for _ in range(PAST_TICKS):
            self.prepare_tick()
            self.score_tick()

    def prepare_tick(self) -> int:
        """Delivers activity in every session; returns the time of the coming points, in ms."""
        self._tick += 1
        events = activity(SESSIONS, self._random_numbers)
        deliver(self._client, self._tick, self._names, events)
        return tick_end_ms(self._tick)

    def score_tick(self) -> None:
        """Scores, stores and publishes the prepared tick."""
        self._scorers.score(self._tick)

    def cookies(self) -> dict[str, str]:
        """The cookies of a browser in which the organizer has logged in."""
        client = Client()
        client.force_login(self.organizer)
        return {name: morsel.value for name, morsel in client.cookies.items()}
