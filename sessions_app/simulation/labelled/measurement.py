"""The six signals of a simulated session, by definition, for all of its ticks at once.

The pipeline updates them tick by tick; here they are computed from the whole list of events. A test
compares the two. Windows are 60 s and end with the tick.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sessions_app.events.decoding import EventKind
from sessions_app.scoring.score import Signals
from sessions_app.simulation.people.crowd import NOBODY, CrowdEvents
from sessions_app.ticks import TICK_SECONDS, WINDOW_SECONDS, WINDOW_TICKS

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


def measure(events: CrowdEvents, ticks: int) -> Signals:
    """Signals at the end of each of the first ``ticks`` ticks; arrays of that length.

    Every leave counts: the crowd only has leaves of people who were present.
    """
    tick = (events.time_s // TICK_SECONDS).astype(np.int64)
    inside = tick < ticks
    tick, events = tick[inside], events.chosen(inside)
    doings = _doings(tick, events, ticks)
    active = _covered(doings.tick, doings.active_until, ticks)
    return Signals(
        chat_msgs_per_min=_per_minute(tick[events.kind == EventKind.CHAT], ticks),
        poll_participation=_participation(tick, events, active, ticks),
        active_users=active,
        total_users=np.cumsum(np.bincount(doings.tick[doings.is_first], minlength=ticks)),
        reactions_per_min=_per_minute(tick[events.kind == EventKind.REACTION], ticks),
        user_leave_rate=_leave_rate(doings, active, ticks),
    )


class _UserActivity(NamedTuple):
    """Events of users, one element per event, sorted by user and time.

    Attributes:
        tick: tick of the event.
        is_leave: whether it is a leave.
        is_first: whether it is the user's first event.
        active_until: first tick at whose end this event no longer makes the user active.
        left_until: first tick at whose end the leave no longer counts; ``tick`` if it is none.
    """

    tick: Ints
    is_leave: Bools
    is_first: Bools
    active_until: Ints
    left_until: Ints


def _doings(tick: Ints, events: CrowdEvents, ticks: int) -> _UserActivity:
    order = np.argsort(events.user, kind="stable")
    order = order[events.user[order] != NOBODY]
    tick, kind, user = tick[order], events.kind[order], events.user[order]
    place = np.arange(len(user))
    is_first = np.ones(len(user), dtype=np.bool_)
    is_first[1:] = user[1:] != user[:-1]
    is_leave = kind == EventKind.LEAVE

    moves = is_leave | (kind == EventKind.JOIN)
    last_move = np.maximum.accumulate(np.where(moves, place, -1))
    own_move = last_move >= np.maximum.accumulate(np.where(is_first, place, 0))
    connected = own_move & (kind[last_move] == EventKind.JOIN)
    ends = np.where(connected, ticks, np.where(is_leave, tick, tick + WINDOW_TICKS))
    return _UserActivity(
        tick,
        is_leave,
        is_first,
        active_until=np.minimum(ends, _next_tick(tick, user, ticks)),
        left_until=_left_until(tick, user, is_leave, ticks),
    )


def _left_until(tick: Ints, user: Ints, is_leave: Bools, ticks: int) -> Ints:
    """A user who leaves again within the minute counts once."""
    until = tick.copy()
    left = np.flatnonzero(is_leave)
    again = _next_tick(tick[left], user[left], ticks)
    until[left] = np.minimum(tick[left] + WINDOW_TICKS, again)
    return until


def _next_tick(tick: Ints, user: Ints, ticks: int) -> Ints:
    """The tick of the same user's next element; ``ticks`` after the last."""
    following = np.full(len(tick), ticks, dtype=np.int64)
    same = user[1:] == user[:-1]
    following[:-1][same] = tick[1:][same]
    return following


def _covered(start: Ints, end: Ints, ticks: int) -> Ints:
    """Number of intervals ``[start, end)`` that contain each tick."""
    counts = np.bincount(start, minlength=ticks + 1)[: ticks + 1]
    counts = counts - np.bincount(np.minimum(end, ticks), minlength=ticks + 1)
    return np.cumsum(counts)[:ticks]


def _per_minute(tick: Ints, ticks: int) -> Floats:
    total = np.concatenate([np.zeros(WINDOW_TICKS), np.cumsum(np.bincount(tick, minlength=ticks))])
    rate: Floats = (total[WINDOW_TICKS:] - total[:-WINDOW_TICKS]) * (60.0 / WINDOW_SECONDS)
    return rate


def _leave_rate(doings: _UserActivity, active: Ints, ticks: int) -> Floats:
    leavers = _covered(doings.tick, doings.left_until, ticks)
    before = np.concatenate([np.zeros(WINDOW_TICKS, dtype=np.int64), active])[:ticks]
    rate: Floats = np.divide(leavers, before, out=np.zeros(ticks), where=before > 0)
    return np.minimum(1.0, rate, out=rate)


def _participation(tick: Ints, events: CrowdEvents, active: Ints, ticks: int) -> Floats:
    highest = np.zeros(ticks)
    for poll in np.unique(events.poll[events.poll >= 0]).tolist():
        of_poll = events.poll == poll
        closings = tick[of_poll & (events.kind == EventKind.POLL_CLOSED)]
        closed = int(closings[0]) if len(closings) else ticks
        voted = of_poll & (events.kind == EventKind.VOTE) & (tick < closed)
        _, first = np.unique(events.user[voted], return_index=True)
        if len(first):
            new = np.bincount(tick[voted][first], minlength=ticks)
            opened = int(tick[voted].min())
            share = np.minimum(1.0, np.cumsum(new) / max(1, int(active[opened])))
            highest[opened:closed] = np.maximum(highest, share)[opened:closed]
    return highest
