"""What is heard of sessions whose end was announced: it counts for nothing, and opens none."""

from collections.abc import Iterable

import numpy as np

from sessions_app.events.decoding import EventKind
from sessions_app.events.merging import TickEvents
from sessions_app.state.session_windows import SessionWindows


def leave_buried(windows: SessionWindows, tick: int, happened: TickEvents) -> TickEvents:
    """The events of sessions without a tombstone; notes of the others that they were heard of.

    Args:
        windows: at the tick before; tombstones that are too old for ``tick`` go.
        tick: the one in which it happened.
        happened: of all sessions.
    """
    windows.forget_tombstones()
    buried = windows.tombstones
    spoken_of = {mention.session_id for mention in happened.mentions} & buried.keys()
    for name in spoken_of:
        buried[name] = buried[name]._replace(last_seen=tick)
    return without_sessions(happened, spoken_of)


def ends_of_strangers(windows: SessionWindows, happened: TickEvents) -> set[str]:
    """Sessions without a row of which nothing is known but that they are over."""
    is_end = happened.events["kind"] == EventKind.SESSION_ENDED
    if not is_end.any():
        return set()
    alive = np.zeros(len(happened.mentions), dtype=np.bool_)
    alive[happened.events["session"][~is_end]] = True
    ending = np.zeros(len(happened.mentions), dtype=np.bool_)
    ending[happened.events["session"][is_end]] = True
    names = {happened.mentions[row].session_id for row in np.flatnonzero(ending & ~alive)}
    return names.difference(windows.external_ids)


def without_sessions(happened: TickEvents, names: Iterable[str]) -> TickEvents:
    """What happened in the other sessions."""
    dropped = set(names)
    if not dropped:
        return happened
    kept = np.array([mention.session_id not in dropped for mention in happened.mentions])
    places = np.cumsum(kept) - 1
    events = happened.events[kept[happened.events["session"]]].copy()
    events["session"] = places[events["session"]]
    mentions = [mention for mention, keep in zip(happened.mentions, kept, strict=True) if keep]
    return happened._replace(mentions=mentions, events=events)
