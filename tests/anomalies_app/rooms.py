"""Hand-made rooms for tests of the detector: tables of recorded signals, by phases."""

from typing import NamedTuple

import numpy as np

from sessions_app.recordings.signal_recording import RecordedSignals


class Stretch(NamedTuple):
    """Ticks in which a room is alike; signals move to their values over the first ``over`` ticks.

    Attributes:
        people: active users at its end.
        chat: messages per minute at its end.
        leave_rate: users who left within the last minute, over those present before.
    """

    ticks: int
    people: float
    chat: float
    leave_rate: float = 0.0
    over: int = 1
    muted: bool = False
    participation: float = 0.0


def room(
    *stretches: Stretch, name: str = "room", seed: int | None = None, first_tick: int = 0
) -> RecordedSignals:
    """The recorded signals of a room; with a seed people come and go, and chat is uneven."""
    people, chat = (
        _course([part.people for part in stretches], stretches),
        _course([part.chat for part in stretches], stretches),
    )
    leaves = np.repeat([part.leave_rate for part in stretches], [p.ticks for p in stretches])
    polls = np.repeat([part.participation for part in stretches], [p.ticks for p in stretches])
    muted = np.repeat([part.muted for part in stretches], [p.ticks for p in stretches])
    if seed is not None:
        random = np.random.default_rng(seed)
        people = people + random.normal(0, 0.4, len(people)) * np.sqrt(people) * 0.3
        chat = random.poisson(chat)
    people = np.maximum(0, np.round(people))
    count = len(people)
    return RecordedSignals(
        session=np.zeros(count, np.int64),
        session_ids=[name],
        tick=np.arange(first_tick, first_tick + count),
        chat_msgs_per_min=np.round(chat).astype(np.float64),
        poll_participation=polls.astype(np.float64),
        active_users=people,
        total_users=np.maximum.accumulate(people),
        reactions_per_min=np.zeros(count),
        user_leave_rate=leaves.astype(np.float64),
        muted=muted,
    )


def together(*rooms: RecordedSignals) -> RecordedSignals:
    """Several rooms as one table."""
    columns = {
        name: np.concatenate([getattr(one, name) for one in rooms])
        for name in RecordedSignals._fields
        if name not in {"session", "session_ids"}
    }
    session = np.repeat(np.arange(len(rooms)), [one.row_count for one in rooms])
    names = [name for one in rooms for name in one.session_ids]
    return RecordedSignals(session=session, session_ids=names, **columns)


def _course(ends: list[float], stretches: tuple[Stretch, ...]) -> np.ndarray:
    values, before = [], ends[0]
    for end, stretch in zip(ends, stretches, strict=True):
        steps = np.minimum(np.arange(1, stretch.ticks + 1) / stretch.over, 1.0)
        values.append(before + (end - before) * steps)
        before = end
    return np.concatenate(values)
