"""Why an alert was raised: the signal that moved most, from what to what, as data and in words."""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from anomalies_app.detector.episodes import Kind
from anomalies_app.detector.state import HISTORY_TICKS, MINUTE_TICKS, DetectorState
from anomalies_app.notices import SignalMove
from sessions_app.scoring.score import Signals
from sessions_app.ticks import TICK_SECONDS

Floats = NDArray[np.float32]

# Usual scatter of the logarithm of a minute's chat messages and reactions, besides counting noise.
CHAT_SCATTER = 0.35
REACTIONS_SCATTER = 1.0
# A fall begins where a signal was last within this share of its depth.
STILL_UP_SHARE = 0.2
STAYED_SHARE = 0.8
# The upper third of a chat's history: the fall itself is a part of it.
USUAL_SHARE = 2 / 3

PRESENCE, CHAT, REACTIONS = range(3)
_NAMES = ("active_users", "chat_msgs_per_min", "reactions_per_min")


class Reason(NamedTuple):
    """Why one session's alert was raised or escalated."""

    move: SignalMove
    sentence: str


def explain_changes(
    state: DetectorState, signals: Signals, rows: NDArray[np.int64]
) -> list[Reason]:
    """The reasons of the sessions ``rows``, after their kinds are known and before they learn."""
    nows = np.array(
        [
            np.asarray(values, np.float32)[rows]
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
        _fall_ticks(state.history("presence", rows), befores[PRESENCE], nows[PRESENCE]),
        _fall_ticks(chat, befores[CHAT], nows[CHAT]),
        np.full(len(rows), MINUTE_TICKS),
    ]
    leaving = np.asarray(signals.user_leave_rate, np.float32)[rows]
    reasons = []
    for place, (signal, kind) in enumerate(
        zip(most.tolist(), state["episode"][rows].tolist(), strict=True)
    ):
        before, now = float(befores[signal, place]), float(nows[signal, place])
        seconds = int(durations[signal][place]) * TICK_SECONDS
        move = SignalMove(_NAMES[signal], round(before, 1), round(now, 1), seconds)
        people = (float(nows[PRESENCE, place]), float(befores[PRESENCE, place]))
        reasons.append(Reason(move, _sentence(move, kind, people, float(leaving[place]))))
    return reasons


def _strengths(
    state: DetectorState, befores: Floats, nows: Floats, rows: NDArray[np.int64]
) -> Floats:
    """How far each signal is below its level, in its own noise, of shape (signals, rows)."""
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
    """What the chat was before it fell: its level, or what most of its history was above.

    The level lags behind a room that has just filled, and follows a fall that nobody was alarmed
    about yet.

    Args:
        history: of shape (ticks, rows), the latest first.
        ages: ticks of each row before this one; what the history holds beyond is not real.
        levels: of each row.
    """
    known = np.arange(len(history))[:, None] <= ages
    usual = np.nanquantile(np.where(known, history, np.nan), USUAL_SHARE, axis=0)
    before: Floats = np.maximum(levels, usual).astype(np.float32)
    return before


def _fall_ticks(history: Floats, before: Floats, now: Floats) -> NDArray[np.int64]:
    """Ticks since a signal was last near what it was before; at least 1."""
    up = history >= before - STILL_UP_SHARE * (before - now)
    ticks: NDArray[np.int64] = np.where(up.any(axis=0), up.argmax(axis=0), HISTORY_TICKS)
    return np.maximum(ticks, 1)


def _sentence(move: SignalMove, kind: int, people: tuple[float, float], leaving: float) -> str:
    here, usual = people
    if move.signal == "active_users":
        text = f"Active users fell from {grouped(move.before)} to {grouped(move.now)}"
    elif move.signal == "chat_msgs_per_min":
        text = f"Chat fell from {grouped(move.before)} to {grouped(move.now)} messages a minute"
    else:
        text = f"Reactions fell from {grouped(move.before)} to {grouped(move.now)} a minute"
    text += f" {fall_duration(move.seconds)}"
    if kind == Kind.MASS_EXIT:
        return f"{text}; {leaving:.0%} left within a minute"
    if move.signal != "active_users" and here >= STAYED_SHARE * usual > 0:
        return f"{text} while {grouped(min(here, usual))} of {grouped(usual)} people stayed"
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
