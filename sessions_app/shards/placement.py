"""The rows of a shard's windows for the sessions that a tick mentions."""

import numpy as np
from numpy.typing import NDArray

from sessions_app.events.blocks import Mention
from sessions_app.state.session_windows import ROW, SessionWindows
from sessions_app.storage.sessions import resolve_sessions
from sessions_app.ticks import tick_end


def place_sessions(
    windows: SessionWindows, mentions: list[Mention], tick: int
) -> NDArray[np.int64]:
    """Finds the rows of the mentioned sessions, and adds rows for new ones.

    Returns:
        For each mention, an index into the windows.
    """
    index = {external_id: row for row, external_id in enumerate(windows.external_ids)}
    known = windows.rows["event_is_known"]
    unresolved = [
        mention
        for mention in mentions
        if mention.session_id not in index
        or (mention.event_id is not None and not known[index[mention.session_id]])
    ]
    if unresolved:
        _resolve(windows, index, unresolved, tick)
    return np.array([index[mention.session_id] for mention in mentions], dtype=np.int64)


def _resolve(
    windows: SessionWindows, index: dict[str, int], mentions: list[Mention], tick: int
) -> None:
    references = resolve_sessions(mentions, tick_end(tick))
    new = [mention.session_id for mention in mentions if mention.session_id not in index]
    index.update({name: len(windows) + offset for offset, name in enumerate(new)})
    windows.add_sessions(new, np.zeros(len(new), ROW))
    for mention in mentions:
        row = windows.rows[index[mention.session_id]]
        row["session_id"], row["event_id"], row["event_is_known"] = references[mention.session_id]
