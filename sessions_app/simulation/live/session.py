"""One simulated session as the platform posts it: the events of a crowd as payloads."""

import heapq
from collections import defaultdict

import numpy as np

from sessions_app.events.decoding import EventKind
from sessions_app.redis_access import keys
from sessions_app.simulation.live.payloads import Payload, Payloads, SimulatedEvent
from sessions_app.simulation.people.characters import Character
from sessions_app.simulation.people.crowd import CrowdEvents, simulate_crowd

# Even a session whose phases repeat ends eventually.
LONGEST_SECONDS = 8 * 3600
CLOSING_SECONDS = 10.0
CHAT_ON_BOTH = 0.6
CHAT_ON_ONE = 0.3
ECHO_SECONDS = (0.002, 0.08)
QUESTIONS_PER_MESSAGE = 0.03
TYPING_SIGNS = 0.3


class SimulatedSession:
    """A session that advances in steps of time.

    Args:
        character: how it behaves.
        payloads: builds its payloads.
        start_s: start, in seconds since the start of the simulation.
        random: the only source of randomness.
    """

    def __init__(
        self, character: Character, payloads: Payloads, start_s: float, random: np.random.Generator
    ) -> None:
        duration_s = character.duration_s or LONGEST_SECONDS
        self.end_s = start_s + duration_s
        self._key = character.key
        self._payloads = payloads
        self._start_s = start_s
        self._random = random
        self._crowd = simulate_crowd(character, int(duration_s), random)
        self._done = self._messages = self._questions = self._scheduled = 0
        self._is_closed = False
        self._present: set[str] = set()
        self._voters: dict[int, set[str]] = defaultdict(set)
        self._due: list[tuple[float, int, str, Payload]] = []

    def advance(self, until_s: float) -> list[SimulatedEvent]:
        """The next events, before ``until_s``, in order of time."""
        done = int(np.searchsorted(self._crowd.time_s, until_s - self._start_s, "left"))
        happened: CrowdEvents = self._crowd.chosen(slice(self._done, done))
        self._done = done
        for time_s, kind, user, poll in zip(*(each.tolist() for each in happened), strict=True):
            user_id = f"{self._key}-user-{user}"
            self._post(self._start_s + time_s, EventKind(kind), user_id, poll)
        if until_s > self.end_s and not self._is_closed:
            self._close()
        events = []
        while self._due and self._due[0][0] < until_s:
            time_s, _, channel, payload = heapq.heappop(self._due)
            events.append(SimulatedEvent(time_s, channel, payload))
        return events

    def over_since(self, now_s: float) -> float:
        """Seconds since everybody has left; negative while the session is running."""
        return now_s - self.end_s - CLOSING_SECONDS

    def _post(self, now_s: float, kind: EventKind, user_id: str, poll: int) -> None:
        match kind:
            case EventKind.CHAT:
                self._write(now_s, user_id)
            case EventKind.REACTION:
                self._react(now_s, user_id)
            case EventKind.JOIN:
                self._present.add(user_id)
                self._announce(now_s, "user_join", user_id)
            case EventKind.LEAVE:
                self._present.remove(user_id)
                self._announce(now_s, "user_leave", user_id)
            case EventKind.VOTE:
                self._vote(now_s, user_id, poll)
            case EventKind.POLL_CLOSED:
                self._close_poll(now_s, poll)
            case _:
                sign = "typing" if self._chance(TYPING_SIGNS) else "presence_update"
                self._sync(now_s, self._payloads.user_event(sign, user_id, now_s))

    def _close(self) -> None:
        self._is_closed = True
        # Before the leaves, so that they do not count as a mass exit.
        self._sync(self.end_s, self._payloads.session_ended())
        for user_id in sorted(self._present):
            self._announce(
                self.end_s + self._random.random() * CLOSING_SECONDS, "user_leave", user_id
            )

    def _schedule(self, time_s: float, channel: str, payload: Payload) -> None:
        # The number keeps events that are due at the same time in order.
        self._scheduled += 1
        heapq.heappush(self._due, (time_s, self._scheduled, channel, payload))

    def _sync(self, time_s: float, payload: Payload) -> None:
        self._schedule(time_s, keys.SYNC_EVENTS, payload)

    def _chance(self, probability: float) -> bool:
        return bool(self._random.random() < probability)

    def _announce(self, now_s: float, kind: str, user_id: str) -> None:
        channel = keys.LIVE_SYNC if self._chance(0.2) else keys.SYNC_EVENTS
        self._schedule(now_s, channel, self._payloads.user_event(kind, user_id, now_s))

    def _write(self, now_s: float, user_id: str) -> None:
        self._messages += 1
        length = int(self._random.integers(2, 80))
        message = self._payloads.message(self._messages, user_id, length, now_s)
        echo = self._payloads.message_created(message, typed=self._chance(0.8))
        route = self._random.random()
        if route < CHAT_ON_BOTH + CHAT_ON_ONE:
            self._schedule(now_s, keys.CHAT_MESSAGE, self._payloads.chat(message))
        if route < CHAT_ON_BOTH:
            self._sync(now_s + self._random.uniform(*ECHO_SECONDS), echo)
        elif route >= CHAT_ON_BOTH + CHAT_ON_ONE:
            self._sync(now_s, echo)
        if self._chance(QUESTIONS_PER_MESSAGE):
            self._questions += 1
            self._sync(now_s, self._payloads.question_asked(self._questions))

    def _react(self, now_s: float, user_id: str) -> None:
        if self._chance(0.4):
            self._schedule(now_s, keys.LIVE_REACTION, self._payloads.reaction(user_id, now_s))
        else:
            kind = "emoji" if self._chance(0.3) else "reaction"
            self._sync(now_s, self._payloads.user_event(kind, user_id, now_s))

    def _vote(self, now_s: float, user_id: str, poll: int) -> None:
        self._voters[poll].add(user_id)
        poll_id, option = self._payloads.poll_id(poll + 1), int(self._random.integers(4))
        payload = self._payloads.vote(poll_id, user_id, option, now_s)
        self._schedule(now_s, keys.POLL_VOTE, payload)

    def _close_poll(self, now_s: float, poll: int) -> None:
        poll_id, voters = self._payloads.poll_id(poll + 1), self._voters.pop(poll, set())
        if self._chance(0.5):
            payload = self._payloads.poll_closed(poll_id)
        else:
            payload = self._payloads.poll_results(poll_id, len(voters))
        self._schedule(now_s, keys.POLL_CLOSED, payload)
