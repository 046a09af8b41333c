"""Draws random characters: a kind, its size and habits, and a programme without anomalies."""

import math
from typing import NamedTuple

import numpy as np

from sessions_app.simulation.labelled.kinds import Kind, Range
from sessions_app.simulation.labelled.programme import BREAK, CLOSING, Programme
from sessions_app.simulation.people.characters import Character, Polls
from sessions_app.ticks import TICK_SECONDS, WINDOW_TICKS

REFERENCE_AUDIENCE = 50
# Exponent of the audience size: in a room ten times as large, each person writes half as much.
CROWDING = -0.3
MOST_MESSAGES_PER_MINUTE = 500.0
SMALL_ROOM = 15
TICKS_PER_MINUTE = 60 // TICK_SECONDS


class Draft(NamedTuple):
    """A session being drawn: its character without phases, and the programme they come from."""

    character: Character
    programme: Programme


class Drawing:
    """Draws one session.

    Args:
        kind: the ranges to draw from.
        key: of the character.
        random: the only source of randomness.
    """

    def __init__(self, kind: Kind, key: str, random: np.random.Generator) -> None:
        self.kind = kind
        self.random = random
        minutes = self._between(kind.minutes)
        self.ticks = round(minutes * TICKS_PER_MINUTE)
        self.character = self._draw_character(key)
        self.programme = Programme.steady(
            self.ticks, self._log_between(kind.leaving), self._between((0.01, 0.08))
        )

    def draw(self) -> Draft:
        """Draws everything but anomalies and moods."""
        self._ramp_up()
        self._close()
        self._pause()
        self._drift()
        self._segment()
        self._applaud()
        self._vary_chat()
        self._interrupt()
        self._note_polls()
        return Draft(self.character, self.programme)

    def mood(self, programme: Programme) -> None:
        """Adds slow random variation to all activity; drawn last, as nothing depends on it."""
        spread = self._between((0.0, 0.3))
        memory = math.exp(-1 / (TICKS_PER_MINUTE * self._between((0.5, 5.0))))
        shocks = self.random.normal(size=self.ticks) * math.sqrt(1 - memory**2)
        mood, moods = self.random.normal(), []
        for shock in shocks.tolist():
            mood = memory * mood + shock
            moods.append(mood)
        programme.passing *= np.exp(spread * np.array(moods) - spread**2 / 2)

    def _between(self, bounds: Range) -> float:
        return float(self.random.uniform(*bounds))

    def _log_between(self, bounds: Range) -> float:
        return float(np.exp(self.random.uniform(*np.log(bounds))))

    def _chance(self, probability: float) -> bool:
        return bool(self.random.random() < probability)

    def _draw_character(self, key: str) -> Character:
        kind = self.kind
        audience = round(self._log_between(kind.audience))
        crowding = (audience / REFERENCE_AUDIENCE) ** CROWDING
        chat = self._log_between(kind.chat) * crowding
        announced = self._draw_announced()
        return Character(
            key=key,
            title=kind.key,
            audience=audience,
            arrival_s=self._between(kind.arrival_s),
            chat=min(chat, MOST_MESSAGES_PER_MINUTE / audience),
            reactions=self._log_between(kind.reactions) * crowding,
            phases=(),
            burst=self._between((1.0, 5.0)),
            bursts=self._log_between((0.1, 1.5)),
            repeats=False,
            polls=self._draw_polls() if self._chance(kind.polls) else None,
            dropouts=self._log_between(kind.restlessness),
            announced=announced,
            # People whose clients announce nothing are only noticed if they give frequent signs.
            signs=self._between((0.05, 0.5) if announced == 1 else (1.5, 6.0)),
        )

    def _draw_announced(self) -> float:
        if self._chance(self.kind.announced):
            return 1.0
        return self._between((0.2, 0.9)) if self._chance(0.5) else 0.0

    def _draw_polls(self) -> Polls:
        open_s = self._between((40, 240))
        return Polls(
            first_s=self._between((180, 1500)),
            every_s=open_s + self._between((120, 1500)),
            open_s=open_s,
            participation=self._between((0.1, 0.8)),
        )

    def _ramp_up(self) -> None:
        arrival_ticks = math.ceil(self.character.arrival_s / TICK_SECONDS)
        self.programme.note("ramp_up", 0, arrival_ticks + WINDOW_TICKS)
        if self.character.audience < SMALL_ROOM:
            self.programme.note("small_room", 0, self.ticks - 1)

    def _close(self) -> None:
        """Most sessions end with people leaving; some are simply cut off."""
        if not self._chance(0.85):
            return
        start = self.ticks - round(self._between((0.7, 3.0)) * TICKS_PER_MINUTE)
        programme = self.programme
        programme.leaving[start:] = self._between((0.4, 3.0))
        programme.arriving[start:] = 0.001
        programme.activity[start:] = self._between((0.3, 1.5))
        programme.schedule(CLOSING, start, self.ticks)
        programme.excuse(CLOSING, start, self.ticks)

    def _pause(self) -> None:
        length = round(self._between((3, 15)) * TICKS_PER_MINUTE)
        if self.ticks < 4 * length or not self._chance(self.kind.breaks):
            return
        start = round(self._between((0.35, 0.6)) * self.ticks)
        end, programme = start + length, self.programme
        fading = start + TICKS_PER_MINUTE
        programme.activity[start:end] = self._between((0.03, 0.4))
        programme.leaving[start:fading] = self._between((0.05, 0.6))
        programme.arriving[start:end] = 0.005
        programme.arriving[end - TICKS_PER_MINUTE : end + 2 * TICKS_PER_MINUTE] = 1.2
        programme.schedule(BREAK, start, end)
        programme.excuse(BREAK, start, end + 2 * TICKS_PER_MINUTE)

    def _drift(self) -> None:
        """Interest that wanes or grows over 15 minutes or more, which is not an anomaly."""
        length = round(self._between((15, 60)) * TICKS_PER_MINUTE)
        if length > 0.8 * self.ticks or not self._chance(0.3):
            return
        start = int(self.random.integers(0, self.ticks - length))
        factor = self._between((0.6, 1.4))
        self.programme.activity[start : start + length] *= np.linspace(1, factor, length)
        self.programme.activity[start + length :] *= factor
        self.programme.note("drift", start, start + length)

    def _segment(self) -> None:
        """Exercises, videos and Q&A segments."""
        if not self._chance(self.kind.segments):
            return
        for _ in range(self.random.integers(1, 5)):
            length = round(self._between((1.5, 8)) * TICKS_PER_MINUTE)
            start = int(self.random.integers(0, self.ticks - length))
            factor = self._between((0.65, 1.8))
            self.programme.passing[start : start + length] *= factor
            self.programme.note("segment", start, start + length + WINDOW_TICKS)

    def _applaud(self) -> None:
        for start in self._moments(self.kind.applause):
            self.programme.applause[start] = self._log_between((0.05, 1.0))
            self.programme.note("applause", start, start + 2 + WINDOW_TICKS)

    def _vary_chat(self) -> None:
        for start in self._moments(self.kind.lulls):
            length = round(self._between((4, 13)))
            self.programme.chat[start : start + length] *= self._between((0.2, 0.75))
            self.programme.note("lull", start, start + length + WINDOW_TICKS)
        for start in self._moments(self.kind.bursts):
            length = round(self._between((4, 36)))
            self.programme.chat[start : start + length] *= self._between((1.6, 4.5))
            self.programme.note("chat_burst", start, start + length + WINDOW_TICKS)

    def _interrupt(self) -> None:
        """Network hiccups: many people lose their connection at once, and soon return."""
        for start in self._moments(self.kind.hiccups):
            self.programme.hiccup[start] = self._between((0.05, 0.6))
            self.programme.note("hiccup", start, start + 6 + WINDOW_TICKS)

    def _note_polls(self) -> None:
        polls = self.character.polls
        if polls is None:
            return
        for opened_s in np.arange(polls.first_s, self.ticks * TICK_SECONDS, polls.every_s):
            start = int(opened_s) // TICK_SECONDS
            end = int(opened_s + polls.open_s) // TICK_SECONDS
            self.programme.note("poll", start, end + WINDOW_TICKS)

    def _moments(self, per_hour: Range) -> list[int]:
        hours = self.ticks / (60 * TICKS_PER_MINUTE)
        count = self.random.poisson(self._between(per_hour) * hours)
        return sorted(self.random.integers(TICKS_PER_MINUTE, self.ticks, size=count).tolist())
