"""The traffic of a conference under load: every kind of event, and the totals they must add up to.

Only payloads with a deterministic effect are posted, so that totals can be compared exactly.
"""

import json
from collections import deque
from collections.abc import Iterator
from itertools import accumulate

import numpy as np

from sessions_app.redis_access import keys

USERS = 40
EVENTS = 20
# Two moves of a user within a tick count as one, and votes in the tick in which their poll closes
# do not count. This delay prevents both.
SETTLED_SECONDS = 15.0
AWAY_AT_MOST = 0.2
# Relative frequencies; every second chat message is also posted to the sync channel.
MIX = {
    "chat": 300,
    "reaction": 220,
    "vote": 150,
    "move": 100,
    "sign of life": 75,
    "question": 5,
}
COUNTED = ("chat", "reaction", "join", "leave", "vote")

Entry = tuple[str, bytes]


def session_name(number: int) -> str:
    """The platform's ID of a session."""
    return f"soak-{number:06d}"


def event_name(number: int) -> str:
    """The platform's ID of an event."""
    return f"soak-event-{number:02d}"


class Room:
    """One session: who is present, and which poll is open."""

    __slots__ = ("arrived", "away", "event", "last_vote_s", "name", "poll", "present", "voters")

    def __init__(self, number: int) -> None:
        self.name = session_name(number)
        self.event = event_name(number % EVENTS)
        self.arrived = 0
        self.present: deque[tuple[int, float]] = deque()
        self.away: deque[tuple[int, float]] = deque()
        self.poll = 0
        self.voters = 0
        self.last_vote_s = 0.0


class Traffic:
    """A conference whose sessions differ in activity; the same for the same seed.

    Args:
        sessions: number of sessions; all are live after as many entries.
        seed: seed of the random numbers.

    Attributes:
        totals: expected counts, one row per session, columns :data:`COUNTED`.
    """

    def __init__(self, sessions: int, seed: int) -> None:
        self._random = np.random.default_rng(seed)
        self._rooms = [Room(number) for number in range(sessions)]
        weights = self._random.lognormal(0.0, 1.0, sessions)
        self._shares = np.cumsum(weights) / weights.sum()
        self._kinds = list(MIX)
        self._kind_shares = np.array([*accumulate(MIX.values())]) / sum(MIX.values())
        self._opened = 0
        self._messages = 0
        self.totals = np.zeros((sessions, len(COUNTED)), np.int64)

    def entries(self, count: int, now_s: float) -> Iterator[Entry]:
        """At least ``count`` entries (channel and payload), ``now_s`` seconds after the start."""
        numbers = np.searchsorted(self._shares, self._random.random(count))
        kinds = np.searchsorted(self._kind_shares, self._random.random(count))
        opening = min(count, len(self._rooms) - self._opened)
        numbers[:opening] = range(self._opened, self._opened + opening)
        kinds[:opening] = self._kinds.index("move")
        self._opened += opening
        people = self._random.integers(0, USERS, count)
        for number, kind, person in zip(
            numbers.tolist(), kinds.tolist(), people.tolist(), strict=True
        ):
            yield from self._entry(self._kinds[kind], number, person, now_s)

    def _entry(self, kind: str, number: int, person: int, now_s: float) -> list[Entry]:
        room = self._rooms[number]
        user = f"user-{person:02d}-{room.name}"
        where = {"sessionId": room.name, "eventId": room.event}
        if kind == "chat":
            return self._chat(number, where, user)
        if kind == "reaction":
            self._count(number, "reaction")
            return [_reaction(where, user, person)]
        if kind == "vote":
            return [self._vote(number, where, now_s)]
        if kind == "move":
            return [self._move(number, where, user, now_s)]
        if kind == "question":
            payload = {"id": f"q-{person}", "sessionId": room.name}
            return [_sync({"resource": "QUESTION", "action": "CREATED", "payload": payload})]
        return [_sync({"type": "presence_update", **where, "userId": user})]

    def _chat(self, number: int, where: dict[str, str], user: str) -> list[Entry]:
        self._count(number, "chat")
        self._messages += 1
        text = "What do you think of that? " * (1 + self._messages % 4)
        message = {"id": f"message-{self._messages}", "text": text, "authorId": user}
        entries = [_entry(keys.CHAT_MESSAGE, {**where, "message": message})]
        if self._messages % 2:
            created = {"type": "message_created", "resource": "MESSAGE", "action": "CREATED"}
            entries.append(_sync({**created, **where, "payload": message}))
        return entries

    def _vote(self, number: int, where: dict[str, str], now_s: float) -> Entry:
        room = self._rooms[number]
        poll = {"pollId": f"{room.name}-poll-{room.poll}", **where}
        if room.voters == USERS and room.last_vote_s <= now_s - SETTLED_SECONDS:
            room.poll += 1
            room.voters = 0
            return _entry(keys.POLL_CLOSED, poll)
        voter = f"user-{room.voters % USERS:02d}-{room.name}"
        if room.voters < USERS:
            self._count(number, "vote")
            room.voters += 1
            room.last_vote_s = now_s
        return _entry(keys.POLL_VOTE, {**poll, "userId": voter, "optionId": "a"})

    def _move(self, number: int, where: dict[str, str], user: str, now_s: float) -> Entry:
        """A join or leave of a user who has settled; if there is none, a sign of life."""
        room = self._rooms[number]
        settled = now_s - SETTLED_SECONDS
        if room.arrived < USERS:
            person, kind = room.arrived, "join"
            room.arrived += 1
        elif room.away and room.away[0][1] <= settled:
            person, kind = room.away.popleft()[0], "join"
        elif len(room.away) < USERS * AWAY_AT_MOST and room.present[0][1] <= settled:
            person, kind = room.present.popleft()[0], "leave"
        else:
            return _sync({"type": "typing", **where, "userId": user})
        (room.present if kind == "join" else room.away).append((person, now_s))
        self._count(number, kind)
        mover = f"user-{person:02d}-{room.name}"
        channel = keys.SYNC_EVENTS if person % 2 else keys.LIVE_SYNC
        return _entry(channel, {"type": f"user_{kind}", **where, "userId": mover})

    def _count(self, number: int, what: str) -> None:
        self.totals[number, COUNTED.index(what)] += 1


def _reaction(where: dict[str, str], user: str, person: int) -> Entry:
    if person % 3:
        payload = {"userId": user, "sessionId": where["sessionId"], "emoji": "clap"}
        return _entry(keys.LIVE_REACTION, payload)
    return _sync({"type": "emoji" if person % 2 else "reaction", **where, "userId": user})


def _sync(payload: dict[str, object]) -> Entry:
    return _entry(keys.SYNC_EVENTS, payload)


def _entry(channel: str, payload: object) -> Entry:
    return channel, json.dumps(payload).encode()
