"""Events of sessions whose end was announced: they do not count, and do not reopen a session."""

from collections.abc import Iterable

import numpy as np

from sessions_app.events.decoding import EventKind
from sessions_app.events.merging import TickEvents
from sessions_app.state.session_windows import SessionWindows


def without_tombstoned(windows: SessionWindows, tick: int, tick_events: TickEvents) -> TickEvents:
    """The events of sessions without a tombstone; the tombstones of the others are refreshed.

    Args:
        windows: at the tick before; expired tombstones are removed.
        tick: of the events.
        tick_events: events of all sessions.
    """
    windows.forget_tombstones()
    tombstones = windows.tombstones
    mentioned = {mention.session_id for mention in tick_events.mentions} & tombstones.keys()
    for name in mentioned:
        tombstones[name] = tombstones[name]._replace(last_seen=tick)
    return without_sessions(tick_events, mentioned)


def unknown_ends(windows: SessionWindows, tick_events: TickEvents) -> set[str]:
    """Sessions without a row whose only events in the tick are ends."""
    is_end = tick_events.events["kind"] == EventKind.SESSION_ENDED
    if not is_end.any():
        return set()
    active = np.zeros(len(tick_events.mentions), dtype=np.bool_)
    active[tick_events.events["session"][~is_end]] = True
    ending = np.zeros(len(tick_events.mentions), dtype=np.bool_)
    ending[tick_events.events["session"][is_end]] = True
    names = {tick_events.mentions[row].session_id for row in np.flatnonzero(ending & ~active)}
    return names.difference(windows.external_ids)


def without_sessions(tick_events: TickEvents, names: Iterable[str]) -> TickEvents:
    """The events of all other sessions."""
    dropped = set(names)
    if not dropped:
        return tick_events
    kept = np.array([mention.session_id not in dropped for mention in tick_events.mentions])
    new_index = np.cumsum(kept) - 1
    events = tick_events.events[kept[tick_events.events["session"]]].copy()
    events["session"] = new_index[events["session"]]
    mentions = [mention for mention, keep in zip(tick_events.mentions, kept, strict=True) if keep]
    return tick_events._replace(mentions=mentions, events=events)
