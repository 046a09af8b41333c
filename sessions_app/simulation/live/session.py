"""One simulated session: its people, and what they do."""

import heapq
from collections.abc import Callable
from functools import partial

import numpy as np

from sessions_app.redis_access import keys
from sessions_app.simulation.live import habits
from sessions_app.simulation.live.characters import Character, Phase, plan
from sessions_app.simulation.live.payloads import Payload, Payloads, SimulatedEvent

Action = Callable[[float], None]

CHAT_ON_BOTH = 0.6
CHAT_ON_ONE = 0.3


class SimulatedSession:
    """A session that is advanced in steps of time.

    Args:
        character: how it behaves.
        payloads: makes its payloads.
        start_s: when it starts, in seconds since the start of the simulation.
        random: the only source of chance.
    """

    def __init__(
        self, character: Character, payloads: Payloads, start_s: float, random: np.random.Generator
    ) -> None:
        self.character = character
        duration_s = character.duration_s
        self.end_s = float("inf") if duration_s is None else start_s + duration_s
        self._payloads = payloads
        self._random = random
        self._plan = plan(character, start_s)
        self._phase = next(self._plan)
        self._present: list[str] = []
        self._absent: list[str] = []
        self._unannounced: set[str] = set()
        self._agenda: list[tuple[float, int, Action]] = []
        self._scheduled = self._messages = self._questions = self._polls = 0
        self._burst_end_s = start_s
        self._events: list[SimulatedEvent] = []
        self._arrive(start_s)
        self._schedule(start_s, self._live_one_second)
        if character.polls is not None:
            self._schedule(start_s + character.polls.first_s, self._open_poll)

    def advance(self, until_s: float) -> list[SimulatedEvent]:
        """What happens next, before ``until_s``, in the order of time."""
        self._events = []
        while self._agenda and self._agenda[0][0] < until_s:
            time_s, _, action = heapq.heappop(self._agenda)
            action(time_s)
        return self._events

    def over_since(self, now_s: float) -> float:
        """Seconds since the last one has left; negative while it goes on."""
        return now_s - self.end_s - habits.CLOSING_SECONDS

    def _schedule(self, time_s: float, action: Action) -> None:
        # The number keeps the order of what is due at the same time.
        self._scheduled += 1
        heapq.heappush(self._agenda, (time_s, self._scheduled, action))

    def _emit(self, now_s: float, channel: str, payload: Payload) -> None:
        self._events.append(SimulatedEvent(now_s, channel, payload))

    def _chance(self, probability: float) -> bool:
        return bool(self._random.random() < probability)

    def _arrive(self, start_s: float) -> None:
        for number in range(self.character.audience):
            user_id = f"{self.character.key}-user-{number}"
            if not habits.announces(number, self.character.announced):
                self._unannounced.add(user_id)
            if self._chance(habits.AT_THE_START):
                delay = self.character.arrival_s * self._random.beta(*habits.ARRIVAL_SHAPE)
                self._schedule(start_s + delay, partial(self._join, user_id))
            else:
                self._absent.append(user_id)

    def _live_one_second(self, now_s: float) -> None:
        if now_s >= self.end_s:
            self._close(now_s)
            return
        self._enter_phase(now_s)
        phase, people = self._phase.phase, len(self._present)
        chat = self.character.chat * phase.activity * phase.chat * self._excitement(now_s)
        self._draw(now_s, people * chat, self._write)
        self._draw(now_s, people * self.character.reactions * phase.activity, self._react)
        self._draw(now_s, people * self.character.signs, self._show_presence)
        self._draw(now_s, people * habits.QUESTIONS_PER_MINUTE * phase.activity, self._ask)
        self._draw(now_s, people * self.character.dropouts, self._drop_out)
        self._draw(now_s, people * phase.leaving, self._leave_for_good)
        self._draw(now_s, len(self._absent) * phase.arriving, self._come)
        self._schedule(now_s + 1.0, self._live_one_second)

    def _draw(self, now_s: float, per_minute: float, action: Action) -> None:
        for delay in self._random.random(self._random.poisson(per_minute / 60)):
            self._schedule(now_s + delay, action)

    def _enter_phase(self, now_s: float) -> None:
        while now_s >= self._phase.end_s:
            self._phase = next(self._plan)
            self._applaud(now_s, self._phase.phase)
            self._interrupt(now_s, self._phase.phase)

    def _applaud(self, now_s: float, phase: Phase) -> None:
        claps = self._random.poisson(len(self._present) * phase.applause)
        for delay in self._random.random(claps) * habits.APPLAUSE_SECONDS:
            self._schedule(now_s + delay, self._react)

    def _interrupt(self, now_s: float, phase: Phase) -> None:
        if phase.hiccup:
            lost = self._random.binomial(len(self._present), phase.hiccup)
            for delay in self._random.random(lost) * habits.HICCUP_SECONDS:
                self._schedule(now_s + delay, self._drop_out)

    def _excitement(self, now_s: float) -> float:
        if self.character.burst > 1 and self._chance(self.character.bursts / 60):
            self._burst_end_s = now_s + self._random.uniform(*habits.BURST_SECONDS)
        return self.character.burst if now_s < self._burst_end_s else 1.0

    def _close(self, now_s: float) -> None:
        # First: those who leave because it is over are no mass exit.
        self._emit(now_s, keys.SYNC_EVENTS, self._payloads.session_ended())
        for delay in self._random.random(len(self._present)) * habits.CLOSING_SECONDS:
            self._schedule(now_s + delay, self._leave_for_good)

    def _someone(self) -> str | None:
        if not self._present:
            return None
        return self._present[self._random.integers(len(self._present))]

    def _take_away(self) -> str | None:
        if not self._present:
            return None
        place = int(self._random.integers(len(self._present)))
        self._present[place], self._present[-1] = self._present[-1], self._present[place]
        return self._present.pop()

    def _tell_presence(self, now_s: float, kind: str, user_id: str) -> None:
        if user_id in self._unannounced:
            if kind == "user_join":
                self._show(now_s, user_id)
            return
        channel = keys.LIVE_SYNC if self._chance(0.2) else keys.SYNC_EVENTS
        self._emit(now_s, channel, self._payloads.user_event(kind, user_id, now_s))

    def _join(self, user_id: str, now_s: float) -> None:
        self._present.append(user_id)
        self._tell_presence(now_s, "user_join", user_id)

    def _come(self, now_s: float) -> None:
        if self._absent:
            self._join(self._absent.pop(0), now_s)

    def _leave_for_good(self, now_s: float) -> None:
        if (user_id := self._take_away()) is not None:
            self._absent.append(user_id)
            self._tell_presence(now_s, "user_leave", user_id)

    def _drop_out(self, now_s: float) -> None:
        if (user_id := self._take_away()) is not None:
            self._tell_presence(now_s, "user_leave", user_id)
            away = self._random.uniform(*habits.DROPOUT_SECONDS)
            self._schedule(now_s + away, partial(self._return, user_id))

    def _return(self, user_id: str, now_s: float) -> None:
        if now_s < self.end_s:
            self._join(user_id, now_s)
        else:
            self._absent.append(user_id)

    def _show_presence(self, now_s: float) -> None:
        if (user_id := self._someone()) is not None:
            self._show(now_s, user_id)

    def _show(self, now_s: float, user_id: str) -> None:
        payload = self._payloads.user_event("presence_update", user_id, now_s)
        self._emit(now_s, keys.SYNC_EVENTS, payload)

    def _write(self, now_s: float) -> None:
        if (user_id := self._someone()) is None:
            return
        if self._chance(habits.TYPED_SHARE):
            payload = self._payloads.user_event("typing", user_id, now_s)
            self._emit(now_s, keys.SYNC_EVENTS, payload)
            delay = self._random.uniform(*habits.TYPING_SECONDS)
            self._schedule(now_s + delay, partial(self._send_message, user_id))
        else:
            self._send_message(user_id, now_s)

    def _send_message(self, user_id: str, now_s: float) -> None:
        self._messages += 1
        length = int(self._random.integers(2, 80))
        message = self._payloads.message(self._messages, user_id, length, now_s)
        route = self._random.random()
        if route < CHAT_ON_BOTH + CHAT_ON_ONE:
            self._emit(now_s, keys.CHAT_MESSAGE, self._payloads.chat(message))
        if route < CHAT_ON_BOTH:
            echo = partial(self._echo_message, message)
            self._schedule(now_s + self._random.uniform(0.002, 0.08), echo)
        elif route >= CHAT_ON_BOTH + CHAT_ON_ONE:
            self._echo_message(message, now_s)

    def _echo_message(self, message: Payload, now_s: float) -> None:
        payload = self._payloads.message_created(message, typed=self._chance(0.8))
        self._emit(now_s, keys.SYNC_EVENTS, payload)

    def _react(self, now_s: float) -> None:
        if (user_id := self._someone()) is None:
            return
        if self._chance(0.4):
            self._emit(now_s, keys.LIVE_REACTION, self._payloads.reaction(user_id, now_s))
        else:
            kind = "emoji" if self._chance(0.3) else "reaction"
            payload = self._payloads.user_event(kind, user_id, now_s)
            self._emit(now_s, keys.SYNC_EVENTS, payload)

    def _ask(self, now_s: float) -> None:
        self._questions += 1
        self._emit(now_s, keys.SYNC_EVENTS, self._payloads.question_asked(self._questions))

    def _open_poll(self, now_s: float) -> None:
        polls = self.character.polls
        if polls is None or now_s >= self.end_s:
            return
        self._polls += 1
        voters: set[str] = set()
        poll_id = self._payloads.poll_id(self._polls)
        participation = habits.voting_share(polls.participation, self._phase.phase.activity)
        for user_id in self._present:
            delay = habits.FIRST_VOTE_SECONDS + self._random.exponential(habits.VOTE_DELAY_SECONDS)
            if delay < polls.open_s and self._chance(participation):
                self._schedule(now_s + delay, partial(self._vote, poll_id, voters, user_id))
        self._schedule(now_s + polls.open_s, partial(self._close_poll, poll_id, voters))
        self._schedule(now_s + polls.every_s, self._open_poll)

    def _vote(self, poll_id: str, voters: set[str], user_id: str, now_s: float) -> None:
        voters.add(user_id)
        option = int(self._random.integers(4))
        self._emit(now_s, keys.POLL_VOTE, self._payloads.vote(poll_id, user_id, option, now_s))
        if self._chance(habits.CHANGED_VOTES):
            self._schedule(
                now_s + habits.CHANGED_VOTE_SECONDS, partial(self._vote, poll_id, voters, user_id)
            )

    def _close_poll(self, poll_id: str, voters: set[str], now_s: float) -> None:
        if self._chance(0.5):
            payload = self._payloads.poll_closed(poll_id)
        else:
            payload = self._payloads.poll_results(poll_id, len(voters))
        self._emit(now_s, keys.POLL_CLOSED, payload)
