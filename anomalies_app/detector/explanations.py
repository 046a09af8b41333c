"""Why an episode began or escalated: the signal that fell most, as data and as a sentence."""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from anomalies_app.detector.episodes import Kind
from anomalies_app.detector.state import HISTORY_TICKS, MINUTE_TICKS, DetectorState
from anomalies_app.records import SignalMove
from sessions_app.scoring.score import Signals
from sessions_app.ticks import TICK_SECONDS

Floats = NDArray[np.float32]

# Usual scatter of the logarithm of messages and reactions per minute, beyond counting noise.
CHAT_SCATTER = 0.35
REACTIONS_SCATTER = 1.0
# A fall begins at the last tick at which the signal had lost at most this share of its depth.
STILL_UP_SHARE = 0.2
STAYED_SHARE = 0.8
# The usual chat is this quantile of its history, since the fall itself is part of the history.
USUAL_QUANTILE = 2 / 3

PRESENCE, CHAT, REACTIONS = range(3)
_NAMES = ("active_users", "chat_msgs_per_min", "reactions_per_min")


class Explanation(NamedTuple):
    """Why one session's episode began or escalated."""

    move: SignalMove
    sentence: str


def explain_changes(
    state: DetectorState, signals: Signals, rows: NDArray[np.int64]
) -> list[Explanation]:
    """The explanations for the sessions ``rows``, once their types are known.

    To be called before the levels learn from the tick.
    """
    nows = np.array(
        [
            np.asarray(values)[rows]
            for values in (
                signals.active_users,
                signals.chat_msgs_per_min,
                signals.reactions_per_min,
            )
        ]
    )
    befores = np.array(
        [state[name][rows] for name in ("presence_level", "chat_level", "reactions_level")]
    )
    most = _strengths(state, befores, nows, rows).argmax(axis=0)
    most[state["episode"][rows] == Kind.MASS_EXIT] = PRESENCE
    chat = state.history("chat", rows)
    befores[CHAT] = _usual_chat(chat, state["age"][rows], befores[CHAT])
    durations = [
        _ticks_falling(state.history("presence", rows), befores[PRESENCE], nows[PRESENCE]),
        _ticks_falling(chat, befores[CHAT], nows[CHAT]),
        np.full(len(rows), MINUTE_TICKS),
    ]
    leaving = np.asarray(signals.user_leave_rate)[rows]
    explanations = []
    for index, (signal, kind) in enumerate(
        zip(most.tolist(), state["episode"][rows].tolist(), strict=True)
    ):
        before, now = float(befores[signal, index]), float(nows[signal, index])
        seconds = int(durations[signal][index]) * TICK_SECONDS
        move = SignalMove(_NAMES[signal], round(before, 1), round(now, 1), seconds)
        people = (float(nows[PRESENCE, index]), float(befores[PRESENCE, index]))
        sentence = _sentence(move, kind, people, float(leaving[index]))
        explanations.append(Explanation(move, sentence))
    return explanations


def _strengths(
    state: DetectorState, befores: Floats, nows: Floats, rows: NDArray[np.int64]
) -> Floats:
    """How far each signal is below its level, in standard deviations; shape (signals, rows)."""
    level = np.maximum(befores[PRESENCE], 1)
    noise = np.sqrt(state["presence_dispersion"][rows] * level)
    falls = np.log1p(befores) - np.log1p(nows)
    return np.array(
        [
            (level - nows[PRESENCE]) / noise,
            falls[CHAT] / np.sqrt(CHAT_SCATTER**2 + 1 / (1 + befores[CHAT])),
            falls[REACTIONS] / np.sqrt(REACTIONS_SCATTER**2 + 1 / (1 + befores[REACTIONS])),
        ]
    )


def _usual_chat(history: Floats, ages: NDArray[np.uint16], levels: Floats) -> Floats:
    """The chat rate before it fell: its level, or the usual rate of its history if that is higher.

    The level lags behind in a room that has just filled, and follows a fall before it is reported.

    Args:
        history: of shape (ticks, rows), the latest first.
        ages: ticks that each row has existed; older values of the history are filled in.
        levels: of each row.
    """
    known = np.arange(len(history))[:, None] <= ages
    usual = np.nanquantile(np.where(known, history, np.nan), USUAL_QUANTILE, axis=0)
    before: Floats = np.maximum(levels, usual)
    return before


def _ticks_falling(history: Floats, before: Floats, now: Floats) -> NDArray[np.int64]:
    """Ticks since a signal was last close to its value before the fall; at least 1."""
    up = history >= before - STILL_UP_SHARE * (before - now)
    ticks: NDArray[np.int64] = np.where(up.any(axis=0), up.argmax(axis=0), HISTORY_TICKS)
    return np.maximum(ticks, 1)


def _sentence(move: SignalMove, kind: int, people: tuple[float, float], leaving: float) -> str:
    present, usual = people
    if move.signal == "active_users":
        text = f"Active users fell from {grouped(move.before)} to {grouped(move.now)}"
    elif move.signal == "chat_msgs_per_min":
        text = f"Chat fell from {grouped(move.before)} to {grouped(move.now)} messages a minute"
    else:
        text = f"Reactions fell from {grouped(move.before)} to {grouped(move.now)} a minute"
    text += f" {fall_duration(move.seconds)}"
    if kind == Kind.MASS_EXIT:
        return f"{text}; {leaving:.0%} left within a minute"
    if move.signal != "active_users" and present >= STAYED_SHARE * usual > 0:
        return f"{text} while {grouped(min(present, usual))} of {grouped(usual)} people stayed"
    return text


def grouped(value: float) -> str:
    """A count as the nearest whole number, halves up, with grouped thousands."""
    return f"{math.floor(value + 0.5):,}"


def fall_duration(seconds: int, minute: str = "minutes", second: str = "seconds") -> str:
    """How long a fall took, with these words for the units: ``in 40 seconds``."""
    if seconds >= HISTORY_TICKS * TICK_SECONDS:
        return f"over more than 5 {minute}"
    if seconds >= 120:
        return f"in {round(seconds / 60)} {minute}"
    return f"in {seconds} {second}"
