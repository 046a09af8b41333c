"""A simulated conference: seeded, event by event, without Redis, Django or a clock.

The events of a session are drawn when it opens, and emitted when they are due.
"""

import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import count
from typing import NamedTuple

import numpy as np

from sessions_app.simulation.live.payloads import Payloads, SimulatedEvent
from sessions_app.simulation.live.session import SimulatedSession
from sessions_app.simulation.people.characters import Character, PlannedPhase, plan

PAUSE_SECONDS = 30


class SessionPlan(NamedTuple):
    """One run of a character as a session.

    Attributes:
        session_id: the platform's session ID.
        title: title of the session.
        character: how it behaves.
        run: its number, 1 for the first session of this character.
        start_s: start, in seconds since the start of the simulation.
    """

    session_id: str
    title: str
    character: Character
    run: int
    start_s: float

    def phases(self) -> Iterator[PlannedPhase]:
        """Its phases in order, with their times; endless if they repeat."""
        return plan(self.character, self.start_s)


class Conference:
    """Several concurrent sessions; each that ends is followed by a new one.

    Args:
        characters: each always has one session, apart from short pauses.
        event_id: the platform's event ID, also the prefix of the session IDs.
        seed: the same seed gives the same events.
        namespace: prefix of message and poll IDs; unique to each simulation on one server.
        epoch_ms: Unix time of the start, in milliseconds, for the timestamps in payloads.
        first_runs: number of the first run by character key; 1 if missing.
        opened: called with the plan of each session before its first event.
    """

    def __init__(
        self,
        characters: Sequence[Character],
        event_id: str,
        seed: int,
        namespace: str = "s",
        epoch_ms: int = 0,
        first_runs: Mapping[str, int] | None = None,
        opened: Callable[[SessionPlan], None] = lambda _: None,
    ) -> None:
        self._characters = characters
        self._event_id = event_id
        self._seed = seed
        self._namespace = namespace
        self._epoch_ms = epoch_ms
        self._next_runs = {
            character.key: (first_runs or {}).get(character.key, 1) for character in characters
        }
        self._opened = opened
        self._sessions: dict[str, SimulatedSession] = {}

    def events(self, duration_s: float | None = None) -> Iterator[SimulatedEvent]:
        """All events in order of time; endless without a duration."""
        for second in count():
            if duration_s is not None and second >= duration_s:
                return
            self._open_sessions(second)
            until_s = min(second + 1.0, duration_s or second + 1.0)
            events = [
                event for session in self._sessions.values() for event in session.advance(until_s)
            ]
            events.sort(key=lambda event: event.offset_s)
            yield from events

    def _open_sessions(self, second: int) -> None:
        for character in self._characters:
            session = self._sessions.get(character.key)
            if session is None or session.over_since(second) >= PAUSE_SECONDS:
                self._sessions[character.key] = self._open(character, second)

    def _open(self, character: Character, second: int) -> SimulatedSession:
        run = self._next_runs[character.key]
        self._next_runs[character.key] += 1
        session_id = f"{self._event_id}-{character.key}-{run}"
        title = character.title if run == 1 else f"{character.title} ({run})"
        self._opened(SessionPlan(session_id, title, character, run, second))
        random = np.random.default_rng([self._seed, zlib.crc32(character.key.encode()), run])
        payloads = Payloads(session_id, self._event_id, self._namespace, self._epoch_ms)
        return SimulatedSession(character, payloads, second, random)
