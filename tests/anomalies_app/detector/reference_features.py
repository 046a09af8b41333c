"""A second implementation of the features: one session at a time, in plain numbers.

It is slow and obvious, and its numbers are literals, so that nothing of the detector's is shared.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from anomalies_app.detector.features import Features
from anomalies_app.detector.state import DetectorState
from sessions_app.scoring.score import Signals

TICK = 1_000
COUNT = 40


@dataclass(frozen=True)
class Learned:
    """What a session has learned of itself, under the names of the state."""

    age: float
    presence_level: float
    presence_dispersion: float
    vitality_level: float
    vitality_variance: float
    chat_level: float
    reactions_level: float
    score_level: float
    presence_slow: float
    vitality_slow: float


@dataclass(frozen=True)
class Tick:
    """A session's signals of a tick, its vitality and its score."""

    presence: float
    chat: float
    reactions: float
    leaving: float
    vitality: float
    score: float


def learned(state: DetectorState) -> list[Learned]:
    columns = [state[name].tolist() for name in Learned.__dataclass_fields__]
    return [Learned(*values) for values in zip(*columns, strict=True)]


def vitality_of(room: Learned, now: Tick) -> float:
    full = math.log(1 + max(20, room.chat_level))
    chat = min(1, math.log(1 + now.chat) / full)
    present = min(1, now.presence / max(room.presence_level, 1))
    return 0.3 * chat + 0.25 * present - 0.1 * now.leaving


def features_of(room: Learned, now: Tick, remembered: Callable[[str, int], float]) -> Features:
    """The features of a tick; ``remembered`` tells a signal's value so many ticks ago."""
    presence_fall = 1 - now.presence / max(room.presence_level, 1)
    vitality_fall = 1 - now.vitality / max(room.vitality_level, 0.02)
    minute_ago = remembered("presence", 12)
    return Features(
        presence=now.presence,
        vitality=now.vitality,
        presence_fall=presence_fall,
        presence_deviations=presence_fall
        * math.sqrt(room.presence_level / room.presence_dispersion),
        vitality_fall=vitality_fall,
        vitality_deviations=(room.vitality_level - now.vitality)
        / math.sqrt(room.vitality_variance),
        net_loss=_lost(now.presence, minute_ago),
        slide=_lost(now.presence, remembered("presence", 36)),
        presence_slow=_slow(room.presence_slow, presence_fall),
        vitality_slow=_slow(room.vitality_slow, vitality_fall),
        chat_fall=max(0, math.log((1 + room.chat_level) / (1 + now.chat))),
        presence_minute_ago=minute_ago,
        vitality_minute_ago=remembered("vitality", 12),
    )


def _lost(now: float, before: float) -> float:
    return max(0, 1 - now / max(before, 1))


def _slow(before: float, fall: float) -> float:
    return before + (max(-0.25, min(fall, 1)) - before) / 16


def after_learning(room: Learned, features: Features, now: Tick) -> Learned:
    """What a session that may learn has learned after a tick."""
    arriving = room.age < 48
    if not arriving and not (features.presence_fall > 0.03 and features.presence_deviations > 3):
        room = _with_noise(room, features)
    gain = 1 / 24 if arriving else 1 / 120
    step = gain * (features.vitality - room.vitality_level)
    if not arriving:
        step = max(step, -0.001 * room.vitality_level)
    chat = min(now.chat, 2 * room.chat_level + 5)
    reactions = min(now.reactions, 2 * room.reactions_level + 5)
    return replace(
        room,
        presence_level=_next_presence(room, features.presence, arriving),
        vitality_level=room.vitality_level + step,
        chat_level=room.chat_level + gain * (chat - room.chat_level),
        reactions_level=room.reactions_level + gain * (reactions - room.reactions_level),
        score_level=room.score_level + gain * (now.score - room.score_level),
    )


def _with_noise(room: Learned, features: Features) -> Learned:
    change = features.presence - features.presence_minute_ago
    dispersion = change**2 / 2 / max(room.presence_level, 1)
    variance = (features.vitality - features.vitality_minute_ago) ** 2 / 2
    return replace(
        room,
        presence_dispersion=_noise(room.presence_dispersion, dispersion, 0.03),
        vitality_variance=_noise(room.vitality_variance, variance, 0.015**2),
    )


def _noise(before: float, now: float, smallest: float) -> float:
    return max(smallest, before + (min(now, 9 * before) - before) / 120)


def _next_presence(room: Learned, presence: float, arriving: bool) -> float:
    level = room.presence_level
    if presence > level:
        return level + (presence - level) * max(1 / 6 if arriving else 1 / 24, 1 / (room.age + 1))
    if arriving:
        return level + (presence - level) / 10
    noise = math.sqrt(room.presence_dispersion / max(level, 1))
    return level + max((presence - level) / 60, -(0.0008 + 0.01 * noise) * level)


def some_rooms(random: np.random.Generator) -> DetectorState:
    """Sessions of every size and age, of which some are as usual and some in trouble."""
    state = DetectorState.fresh(TICK - 1, np.arange(COUNT))
    state["age"] = random.choice([0, 1, 3, 5, 12, 46, 47, 48, 49, 300, 60_000], COUNT)
    state["presence_level"] = people = _spread(random, 0.4, 5_000)
    state["presence_dispersion"] = _spread(random, 0.03, 2)
    state["vitality_level"] = usual = random.uniform(0, 0.55, COUNT)
    state["vitality_variance"] = _spread(random, 0.015**2, 0.01)
    state["chat_level"], state["reactions_level"] = (_spread(random, 0.1, 300) for _ in range(2))
    state["score_level"] = random.random(COUNT)
    state["presence_slow"], state["vitality_slow"] = random.uniform(-0.25, 1, (2, COUNT))
    for tick in range(TICK - 64, TICK):
        state.remember("presence", tick, _around(random, people, state["presence_dispersion"]))
        state.remember("vitality", tick, usual + random.normal(0, 0.05, COUNT))
        state.remember("chat", tick, state["chat_level"] * random.uniform(0, 2, COUNT))
        state.remember("score", tick, random.random(COUNT))
    return state


def some_signals(random: np.random.Generator, state: DetectorState) -> Signals:
    """Signals near the usual ones, and now and then far above or below them."""
    people = _around(random, state["presence_level"], state["presence_dispersion"])
    chat, people, reactions = (
        values * random.choice([0, 0.4, 0.96, 1, 1, 1.1, 4], COUNT)
        for values in (state["chat_level"], people, state["reactions_level"])
    )
    leaving = random.choice([0, 0.1, 0.6], COUNT)
    columns = (chat, np.zeros(COUNT), people, people, reactions, leaving)
    return Signals(*(np.asarray(column, np.float32) for column in columns))


def ticks_of(signals: Signals, vitalities: np.ndarray, scores: np.ndarray) -> list[Tick]:
    columns = (
        signals.active_users,
        signals.chat_msgs_per_min,
        signals.reactions_per_min,
        signals.user_leave_rate,
        vitalities,
        scores,
    )
    return [Tick(*map(float, values)) for values in zip(*columns, strict=True)]


def _spread(random: np.random.Generator, low: float, high: float) -> np.ndarray:
    return np.exp(random.uniform(math.log(low), math.log(high), COUNT))


def _around(random: np.random.Generator, level: np.ndarray, dispersion: np.ndarray) -> np.ndarray:
    return np.maximum(0, level + random.normal(0, 1, COUNT) * np.sqrt(dispersion * level))
