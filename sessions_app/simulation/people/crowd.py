"""The events of a whole session at once, as arrays.

People behave independently of one another along the same course, so arrivals and departures can be
drawn together: a person's next time is where the cumulative rate reaches an exponential draw.
Events at a rate are drawn once per second and spread over that second.
"""

from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from sessions_app.events.decoding import EventKind
from sessions_app.simulation.people import timings
from sessions_app.simulation.people.characters import Character, Polls
from sessions_app.simulation.people.course import Course, course_of

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

NOBODY = -1
# Attempts to find somebody present at random; in an almost empty room the event is then dropped.
TRIES = 60


class CrowdEvents(NamedTuple):
    """Events of one session in order of time: equal-length arrays.

    Attributes:
        time_s: seconds since its start.
        kind: :class:`sessions_app.events.decoding.EventKind`, only kinds that signals use.
        user: number of the user, -1 for none.
        poll: number of the poll, -1 for none.
    """

    time_s: Floats
    kind: NDArray[np.uint8]
    user: Ints
    poll: Ints

    def chosen(self, rows: Ints | NDArray[np.bool_] | slice) -> Self:
        """The events at some indexes, or where a mask holds."""
        return self._replace(
            time_s=self.time_s[rows],
            kind=self.kind[rows],
            user=self.user[rows],
            poll=self.poll[rows],
        )


class Stays(NamedTuple):
    """Intervals in which users are present: equal-length arrays, sorted by user and time.

    Attributes:
        user: number of the user.
        start_s: arrival, in seconds since the start of the session.
        end_s: departure; after the end of the session for those who stay.
    """

    user: Ints
    start_s: Floats
    end_s: Floats

    def present_at(self, times: Floats) -> Ints:
        """Number of people present at each of the times."""
        came = np.searchsorted(np.sort(self.start_s), times, "right")
        return came - np.searchsorted(np.sort(self.end_s), times, "right")

    def users_at(self, time_s: float) -> Ints:
        """Users present at a time."""
        return self.user[(self.start_s <= time_s) & (time_s < self.end_s)]


def simulate_crowd(character: Character, seconds: int, random: np.random.Generator) -> CrowdEvents:
    """The events of the first ``seconds`` of a session that is at least as long.

    Args:
        character: how it behaves.
        seconds: length to simulate.
        random: the only source of randomness.
    """
    course = course_of(character, seconds)
    crowd = _Crowd(character, course, _draw_stays(character, course, random), random)
    crowd.move()
    crowd.act()
    if character.polls is not None:
        crowd.vote(character.polls)
    return crowd.events()


class _Clock(NamedTuple):
    """A rate over time: finds when its cumulative sum has grown by an exponential draw."""

    total: Floats

    @classmethod
    def of(cls, per_second: Floats) -> Self:
        # With a rate of zero the inverse would be undefined.
        return cls(np.concatenate([[0.0], np.cumsum(per_second + 1e-12)]))

    def next(self, times: Floats, random: np.random.Generator) -> Floats:
        """The next time after each of the times; infinity if it is not in the session."""
        seconds = np.arange(len(self.total), dtype=np.float64)
        until = np.interp(times, seconds, self.total) + random.exponential(size=len(times))
        found: Floats = np.interp(until, self.total, seconds, right=np.inf)
        return found


def _draw_stays(character: Character, course: Course, random: np.random.Generator) -> Stays:
    seconds = course.seconds
    lost = _lost_connections(character, course)
    leaving = course.leaving / 60
    going, coming = _Clock.of(leaving + lost), _Clock.of(course.arriving / 60)
    lost_share = lost / np.maximum(leaving + lost, 1e-12)

    user = np.arange(character.audience)
    start = character.arrival_s * random.beta(*timings.ARRIVAL_SHAPE, size=len(user))
    late = random.random(len(user)) >= timings.AT_THE_START
    start[late] = coming.next(np.zeros(int(late.sum())), random)
    stays = []
    while (there := start < seconds).any():
        user, start = user[there], start[there]
        end = going.next(start, random)
        stays.append((user, start, end))
        gone = end < seconds
        user, end = user[gone], end[gone]
        back = random.random(len(user)) < lost_share[end.astype(np.int64)]
        away = random.uniform(*timings.DROPOUT_SECONDS, size=len(user))
        start = np.where(back, end + away, coming.next(end, random))
    if not stays:
        return Stays(np.zeros(0, np.int64), np.zeros(0), np.zeros(0))
    user, start, end = (np.concatenate(column) for column in zip(*stays, strict=True))
    order = np.lexsort((start, user))
    return Stays(user[order], start[order], end[order])


def _lost_connections(character: Character, course: Course) -> Floats:
    """Share of those present who lose their connection in each second, as a rate."""
    lost = np.full(course.seconds, character.dropouts / 60)
    spread = int(timings.HICCUP_SECONDS)
    for second, phase in course.moments:
        if phase.hiccup:
            lost[second : second + spread] -= np.log1p(-min(phase.hiccup, 0.999)) / spread
    return lost


class _Crowd:
    def __init__(
        self, character: Character, course: Course, stays: Stays, random: np.random.Generator
    ) -> None:
        self.character = character
        self.course = course
        self.stays = stays
        self.random = random
        self.present = stays.present_at(np.arange(course.seconds, dtype=np.float64))
        # Twice the length, so that keys of one user never reach those of the next.
        self._span = 2.0 * course.seconds + 2 * timings.DROPOUT_SECONDS[1]
        self._keys = stays.user * self._span + stays.start_s
        self._found: list[CrowdEvents] = []

    def move(self) -> None:
        """Adds joins and leaves, or a sign of life where the client announces neither."""
        announced = np.array(
            [
                timings.announces(number, self.character.announced)
                for number in range(self.character.audience)
            ],
            dtype=np.bool_,
        )[self.stays.user]
        stays = self.stays
        self._add(EventKind.JOIN, stays.start_s[announced], stays.user[announced])
        self._add(EventKind.LEAVE, stays.end_s[announced], stays.user[announced])
        self._add(EventKind.USER_SIGN, stays.start_s[~announced], stays.user[~announced])

    def act(self) -> None:
        """Adds chat, reactions and signs of life."""
        course, character = self.course, self.character
        chat = self._at_rate(character.chat * course.chat * self._excitement())
        users = self._users_at(chat)
        typed = self.random.random(len(chat)) < timings.TYPED_SHARE
        typing = self.random.uniform(*timings.TYPING_SECONDS, size=len(chat))
        self._add(EventKind.USER_SIGN, chat[typed], users[typed])
        self._add(EventKind.CHAT, chat + np.where(typed, typing, 0.0), users)
        self._act_alone(EventKind.REACTION, self._at_rate(character.reactions * course.activity))
        self._act_alone(EventKind.REACTION, self._applause())
        self._act_alone(
            EventKind.USER_SIGN, self._at_rate(np.full(course.seconds, character.signs))
        )

    def vote(self, polls: Polls) -> None:
        """Adds votes, and the closings of the polls."""
        openings = np.arange(polls.first_s, self.course.seconds, polls.every_s)
        for poll, opened_s in enumerate(openings.tolist()):
            activity = float(self.course.activity[int(opened_s)])
            users = self.stays.users_at(opened_s)
            delay = timings.FIRST_VOTE_SECONDS + self.random.exponential(
                timings.VOTE_DELAY_SECONDS, len(users)
            )
            share = timings.voting_share(polls.participation, activity)
            votes = (delay < polls.open_s) & (self.random.random(len(users)) < share)
            users, times = users[votes], opened_s + delay[votes]
            self._add(EventKind.VOTE, times, users, poll)
            changed = self.random.random(len(users)) < timings.CHANGED_VOTES
            times = times[changed] + timings.CHANGED_VOTE_SECONDS
            self._add(EventKind.VOTE, times, users[changed], poll)
            closed = np.array([opened_s + polls.open_s])
            self._add(EventKind.POLL_CLOSED, closed, np.array([NOBODY]), poll)

    def events(self) -> CrowdEvents:
        """All drawn events before the end."""
        time_s, kind, user, poll = (
            np.concatenate(column) for column in zip(*self._found, strict=True)
        )
        order = np.argsort(time_s, kind="stable")
        order = order[time_s[order] < self.course.seconds]
        return CrowdEvents(time_s, kind, user, poll).chosen(order)

    def _add(self, kind: EventKind, times: Floats, users: Ints, poll: int = -1) -> None:
        known = slice(None) if kind == EventKind.POLL_CLOSED else users != NOBODY
        times, users = times[known], users[known]
        kinds = np.full(len(times), kind, dtype=np.uint8)
        self._found.append(CrowdEvents(times, kinds, users, np.full(len(times), poll)))

    def _act_alone(self, kind: EventKind, times: Floats) -> None:
        self._add(kind, times, self._users_at(times))

    def _at_rate(self, per_person_and_minute: Floats) -> Floats:
        counts = self.random.poisson(self.present * per_person_and_minute / 60)
        seconds = np.repeat(np.arange(len(counts), dtype=np.float64), counts)
        times: Floats = seconds + self.random.random(len(seconds))
        return times

    def _excitement(self) -> Floats:
        burst, seconds = self.character.burst, self.course.seconds
        if burst <= 1:
            return np.ones(seconds)
        starts = self.random.random(seconds) < self.character.bursts / 60
        second = np.arange(seconds)
        ends = second + self.random.uniform(*timings.BURST_SECONDS, size=seconds)
        latest = np.maximum.accumulate(np.where(starts, second, NOBODY))
        excited = (latest != NOBODY) & (second < ends[latest])
        return np.where(excited, burst, 1.0)

    def _applause(self) -> Floats:
        times = [np.zeros(0)]
        for second, phase in self.course.moments:
            if phase.applause:
                claps = self.random.poisson(self.present[second] * phase.applause)
                times.append(second + self.random.random(claps) * timings.APPLAUSE_SECONDS)
        return np.concatenate(times)

    def _users_at(self, times: Floats) -> Ints:
        """A random user present at each of the times; -1 where none was found."""
        users = np.full(len(times), NOBODY, dtype=np.int64)
        if not len(self.stays.user):
            return users
        missing = np.arange(len(times))
        for _ in range(TRIES):
            if not len(missing):
                break
            guess = self.random.integers(self.character.audience, size=len(missing))
            wanted = guess * self._span + times[missing]
            place = np.searchsorted(self._keys, wanted, "right") - 1
            stays = self.stays
            there = (stays.user[place] == guess) & (times[missing] < stays.end_s[place])
            users[missing[there]] = guess[there]
            missing = missing[~there]
        return users
