"""An independent computation of all signals and scores: slow, simple, from the specification only.

It shares nothing with the product except the length of a tick and the names of the channels. An
event log is a list of ``(time in ms, channel, payload)`` in order of arrival.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sessions_app.redis_access import keys
from sessions_app.ticks import tick_at

LoggedEvent = tuple[int, str, dict[str, Any]]

WINDOW = 12
SILENCE = 360


class Row(NamedTuple):
    """The expected row of a session and tick; the names are those of the columns."""

    score: float
    chat_msgs_per_min: float
    poll_participation: float
    active_users: int
    total_users: int
    reactions_per_min: float
    user_leave_rate: float
    chat_count: int
    reaction_count: int
    join_count: int
    leave_count: int
    vote_count: int


class Fact(NamedTuple):
    """The meaning of a payload: who did what, to which message or poll."""

    kind: str
    session: str
    user: str | None = None
    subject: str | None = None


def expected_rows(log: list[LoggedEvent], last_tick: int) -> dict[tuple[str, int], Row]:
    """The row of every session and tick up to ``last_tick``, by session ID and tick."""
    facts: dict[str, dict[int, list[Fact]]] = {}
    # Within a millisecond the order is unknown; a closing then counts after the votes.
    in_order = sorted(log, key=lambda event: (event[0], event[1] == keys.POLL_CLOSED))
    for time_ms, channel, payload in in_order:
        fact = read(channel, payload)
        facts.setdefault(fact.session, {}).setdefault(tick_at(time_ms), []).append(fact)
    return {
        (session, tick): row
        for session, by_tick in facts.items()
        for tick, row in rows_of_session(by_tick, last_tick)
    }


def rows_of_session(by_tick: dict[int, list[Fact]], last_tick: int) -> Iterator[tuple[int, Row]]:
    """A session's rows, from the tick of its first event until it is over.

    It is over after half an hour of silence, or after the tick in which its end is announced; then
    only an event after as long a silence starts it again.
    """
    room, closed, last_heard = None, False, 0
    for tick in range(min(by_tick), last_tick + 1):
        facts = by_tick.get(tick, [])
        if (room or closed) and not facts and tick - last_heard >= SILENCE:
            room, closed = None, False
        if facts:
            last_heard = tick
        if facts and not closed and any(fact.kind != "ended" for fact in facts):
            room = room or Room()
        if room is not None:
            yield tick, room.live_through(tick, facts)
            if any(fact.kind == "ended" for fact in facts):
                room, closed = None, True


def read(channel: str, payload: dict[str, Any]) -> Fact:
    """The meaning of a payload, according to the wire contract."""
    if channel == keys.CHAT_MESSAGE:
        message = payload["message"]
        return Fact("chat", payload["sessionId"], message["authorId"], message["id"])
    if channel == keys.POLL_VOTE:
        return Fact("vote", payload["sessionId"], payload["userId"], payload["pollId"])
    if channel == keys.POLL_CLOSED:
        return read_closing(payload)
    if channel == keys.LIVE_REACTION:
        return Fact("reaction", payload["sessionId"], payload["userId"])
    return read_sync(payload)


def read_closing(payload: dict[str, Any]) -> Fact:
    if "poll" in payload:
        return Fact("closed", payload["poll"]["sessionId"], subject=payload["poll"]["id"])
    return Fact("closed", payload["sessionId"], subject=payload["pollId"])


def read_sync(payload: dict[str, Any]) -> Fact:
    kind, inner = payload.get("type"), payload.get("payload", {})
    session = payload.get("sessionId") or inner["sessionId"]
    created = (payload.get("resource"), payload.get("action")) == ("MESSAGE", "CREATED")
    if kind == "message_created" or (kind is None and created):
        return Fact("chat", session, inner["authorId"], inner["id"])
    kinds = {
        "user_join": "join",
        "user_leave": "leave",
        "reaction": "reaction",
        "emoji": "reaction",
        "presence_update": "sign",
        "typing": "sign",
    }
    if kind in kinds:
        return Fact(kinds[kind], session, payload["userId"])
    return Fact("ended" if kind == "session_ended" else "nothing", session)


@dataclass
class Poll:
    """A poll: ``voters`` in order of their first vote; ``base`` is set once it has opened."""

    base: int | None = None
    voters: set[str] = field(default_factory=set)
    is_closed: bool = False


class Room:
    """A session, from its first event on."""

    def __init__(self) -> None:
        self.connected: set[str] = set()
        self.heard_at: dict[str, int] = {}
        self.known: set[str] = set()
        self.gone: set[str] = set()
        self.left_at: dict[str, int] = {}
        self.messages: set[str] = set()
        self.polls: dict[str, Poll] = {}
        self.chat_counts: dict[int, int] = {}
        self.reaction_counts: dict[int, int] = {}
        self.active_counts: dict[int, int] = {}

    def live_through(self, tick: int, facts: list[Fact]) -> Row:
        """Processes the events of a tick, and returns the expected row."""
        chat = self._count_messages(facts)
        joins, leaves = self._move_people(tick, facts)
        votes = self._count_votes(facts)
        self.chat_counts[tick] = chat
        self.reaction_counts[tick] = sum(fact.kind == "reaction" for fact in facts)
        self.active_counts[tick] = len(self.active_users(tick))
        self._measure_new_polls(tick)
        signals = (
            float(self._sum_of_window(self.chat_counts, tick)),
            self._poll_participation(),
            self.active_counts[tick],
            len(self.known),
            float(self._sum_of_window(self.reaction_counts, tick)),
            self._leave_rate(tick),
        )
        counts = (chat, self.reaction_counts[tick], len(joins), len(leaves), votes)
        return Row(score(*signals), *signals, *counts)

    def active_users(self, tick: int) -> set[str]:
        """Connected at the end of the tick, or heard from in its window."""
        recent = {user for user, heard in self.heard_at.items() if tick - heard < WINDOW}
        return self.connected | recent

    def _count_messages(self, facts: list[Fact]) -> int:
        new = {str(fact.subject) for fact in facts if fact.kind == "chat"} - self.messages
        self.messages |= new
        return len(new)

    def _move_people(self, tick: int, facts: list[Fact]) -> tuple[set[str], set[str]]:
        connected_before = set(self.connected)
        joined, left = set(), set()
        for fact in facts:
            if fact.user is None:
                continue
            self.known.add(fact.user)
            if fact.kind == "leave":
                if fact.user not in self.gone:
                    left.add(fact.user)
                    self.left_at[fact.user] = tick
                self.gone.add(fact.user)
                self.connected.discard(fact.user)
                self.heard_at.pop(fact.user, None)
            else:
                self.gone.discard(fact.user)
                self.heard_at[fact.user] = tick
            if fact.kind == "join":
                joined.add(fact.user)
                self.connected.add(fact.user)
        return joined - connected_before, left

    def _count_votes(self, facts: list[Fact]) -> int:
        new = 0
        for fact in facts:
            if fact.kind == "closed":
                self.polls.setdefault(str(fact.subject), Poll()).is_closed = True
            if fact.kind == "vote":
                poll = self.polls.setdefault(str(fact.subject), Poll())
                if not poll.is_closed and fact.user not in poll.voters:
                    poll.voters.add(str(fact.user))
                    new += 1
        return new

    def _measure_new_polls(self, tick: int) -> None:
        for poll in self.polls.values():
            if poll.voters and poll.base is None:
                # The first voter was present, even if they left before the end of the tick.
                poll.base = max(1, self.active_counts[tick])

    def _poll_participation(self) -> float:
        return max(
            (
                min(1.0, len(poll.voters) / poll.base) if poll.base else 0.0
                for poll in self.polls.values()
                if poll.voters and not poll.is_closed
            ),
            default=0.0,
        )

    def _leave_rate(self, tick: int) -> float:
        leavers = sum(tick - left < WINDOW for left in self.left_at.values())
        present = self.active_counts.get(tick - WINDOW, 0)
        return min(1.0, leavers / present) if present else 0.0

    @staticmethod
    def _sum_of_window(counts: dict[int, int], tick: int) -> int:
        return sum(counts.get(tick - age, 0) for age in range(WINDOW))


def score(
    chat: float, participation: float, active: int, total: int, reactions: float, leave_rate: float
) -> float:
    """The formula of the specification."""
    value = (
        0.30 * normalised(chat, 20)
        + 0.25 * participation
        + 0.25 * (active / total if total else 0.0)
        + 0.10 * normalised(reactions, 10)
        - 0.10 * leave_rate
    )
    return round(min(1.0, max(0.0, value)), 9)


def normalised(rate: float, full: float) -> float:
    return min(1.0, math.log(rate + 1) / math.log(full + 1))
