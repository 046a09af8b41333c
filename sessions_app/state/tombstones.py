"""Events of sessions whose end was announced: they do not count, and do not reopen a session."""

from collections.abc import Iterable

import numpy as np

from sessions_app.events.decoding import EventKind
from sessions_app.events.merging import TickEvents
from sessions_app.state.session_windows import SessionWindows


def without_tombstoned(windows: SessionWindows, tick: int, happened: TickEvents) -> TickEvents:
    """The events of sessions without a tombstone; the tombstones of the others are refreshed.

    Args:
        windows: at the tick before; expired tombstones are removed.
        tick: of the events.
        happened: events of all sessions.
    """
    windows.forget_tombstones()
    tombstones = windows.tombstones
    mentioned = {mention.session_id for mention in happened.mentions} & tombstones.keys()
    for name in mentioned:
        tombstones[name] = tombstones[name]._replace(last_seen=tick)
    return without_sessions(happened, mentioned)


def unknown_ends(windows: SessionWindows, happened: TickEvents) -> set[str]:
    """Sessions without a row whose only events in the tick are ends."""
    is_end = happened.events["kind"] == EventKind.SESSION_ENDED
    if not is_end.any():
        return set()
    active = np.zeros(len(happened.mentions), dtype=np.bool_)
    active[happened.events["session"][~is_end]] = True
    ending = np.zeros(len(happened.mentions), dtype=np.bool_)
    ending[happened.events["session"][is_end]] = True
    names = {happened.mentions[row].session_id for row in np.flatnonzero(ending & ~active)}
    return names.difference(windows.external_ids)


def without_sessions(happened: TickEvents, names: Iterable[str]) -> TickEvents:
    """The events of all other sessions."""
    dropped = set(names)
    if not dropped:
        return happened
    kept = np.array([mention.session_id not in dropped for mention in happened.mentions])
    new_index = np.cumsum(kept) - 1
    events = happened.events[kept[happened.events["session"]]].copy()
    events["session"] = new_index[events["session"]]
    mentions = [mention for mention, keep in zip(happened.mentions, kept, strict=True) if keep]
    return happened._replace(mentions=mentions, events=events)
