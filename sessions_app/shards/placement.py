"""Where in a shard's windows the sessions stand that a tick speaks of."""

import numpy as np
from numpy.typing import NDArray

from sessions_app.events.blocks import Mention
from sessions_app.state.session_windows import ROW, SessionWindows
from sessions_app.storage.sessions import resolve_sessions
from sessions_app.ticks import tick_end


def place_sessions(
    windows: SessionWindows, mentions: list[Mention], tick: int
) -> NDArray[np.int64]:
    """Finds the rows of the mentioned sessions, and adds those that are new.

    Returns:
        A position in the windows for each mention.
    """
    positions = {external_id: row for row, external_id in enumerate(windows.external_ids)}
    known = windows.rows["event_is_known"]
    unresolved = [
        mention
        for mention in mentions
        if mention.session_id not in positions
        or (mention.event_id is not None and not known[positions[mention.session_id]])
    ]
    if unresolved:
        _resolve(windows, positions, unresolved, tick)
    return np.array([positions[mention.session_id] for mention in mentions], dtype=np.int64)


def _resolve(
    windows: SessionWindows, positions: dict[str, int], mentions: list[Mention], tick: int
) -> None:
    references = resolve_sessions(mentions, tick_end(tick))
    new = [mention.session_id for mention in mentions if mention.session_id not in positions]
    positions.update({name: len(windows) + offset for offset, name in enumerate(new)})
    windows.add_sessions(new, np.zeros(len(new), ROW))
    for mention in mentions:
        row = windows.rows[positions[mention.session_id]]
        row["session_id"], row["event_id"], row["event_is_known"] = references[mention.session_id]
