"""Looks up a shard's sessions by the platform's IDs, in a database that may use other keys.

Only the platform's ID identifies a row: an equal key may belong to another session by now
(:mod:`sessions_app.shards.database_epochs`).
"""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from sessions_app.control.edits import HORIZON
from sessions_app.events.blocks import Mention
from sessions_app.models import Session
from sessions_app.queries.querysets import ENDED_BY_HAND
from sessions_app.state.session_windows import SessionWindows
from sessions_app.storage.sessions import (
    SessionReference,
    find_sessions,
    portions,
    resolve_sessions,
)
from sessions_app.ticks import tick_end


def rekey_sessions(windows: SessionWindows) -> NDArray[np.int64]:
    """Gives every row the current keys of its session and event.

    Missing sessions are created again as if they were new, in stand-ins until the platform names
    their event. Rows keep their counters but lose their users, as identities depend on the key.
    The caller must drop what is stored under the returned keys beside the windows.

    Args:
        windows: changed in place.

    Returns:
        The keys that changed their meaning: those that rows had before, and those they have now.

    Raises:
        django.db.Error: the database does not answer.
    """
    found = dict(find_sessions(windows.external_ids))
    keys = dict(zip(windows.external_ids, windows.rows["session_id"].tolist(), strict=True))
    moved = [name for name in keys if name not in found or found[name].session_id != keys[name]]
    _reopen(name for name in found if name in keys)
    references = _resolve(moved, windows.tick)
    for row, name in zip(windows.rows, windows.external_ids, strict=True):
        if (reference := references.get(name)) is None:
            _, row["event_id"], row["event_is_known"] = found[name]
            continue
        row["session_id"], row["event_id"] = reference.session_id, reference.event_id
        row["event_is_known"] = reference.event_is_known
    _end_tombstoned(windows)
    given = [references[name].session_id for name in moved]
    return np.unique(np.array([keys[name] for name in moved] + given, np.int64))


def _resolve(external_ids: list[str], tick: int) -> dict[str, SessionReference]:
    references: dict[str, SessionReference] = {}
    for portion in portions(external_ids):
        mentions = [Mention(name, None) for name in portion]
        references |= resolve_sessions(mentions, tick_end(tick))
    return references


def _reopen(external_ids: Iterable[str]) -> None:
    """Reopens live sessions that have ended in the database, except those ended by hand."""
    for portion in portions(external_ids):
        ended = Session.objects.ended().filter(external_id__in=portion)
        ended.exclude(ENDED_BY_HAND).update(ended_at=None, ended_by_hand=None)


def _end_tombstoned(windows: SessionWindows) -> None:
    """Ends sessions that have a tombstone but are live in the database."""
    found = dict(find_sessions(windows.tombstones))
    windows.tombstones = {
        name: tombstone._replace(session_id=found[name].session_id if name in found else 0)
        for name, tombstone in windows.tombstones.items()
    }
    time = tick_end(windows.tick)
    for portion in portions(windows.tombstones):
        live = Session.objects.live().filter(external_id__in=portion)
        # Sessions that somebody just reopened reach the windows as edits.
        live.exclude(edited_at__gte=time - HORIZON).update(ended_at=time, ended_by_hand=False)
