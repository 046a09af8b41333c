"""A shard's sessions, looked up by the platform's IDs in a database that gives other keys.

Whose row it is, is told by the platform's ID only: a key that is the same may belong to somebody
else by now (:mod:`sessions_app.shards.database_epochs`).
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
    """Gives every row the keys that its session has now, and its event.

    Sessions that are missing are created again, as if they were new; the platform's next word on
    their event counts. Rows keep their counters, but who is who is not known any more: identities
    depend on the key. What is stored beside the windows under the keys that are returned has to go.

    Args:
        windows: changed in place.

    Returns:
        The keys that mean something else than before: those that rows had, and those that they got.

    Raises:
        django.db.Error: the database does not answer.
    """
    places = dict(find_sessions(windows.external_ids))
    keys = dict(zip(windows.external_ids, windows.rows["session_id"].tolist(), strict=True))
    moved = [name for name in keys if name not in places or places[name].session_id != keys[name]]
    _open_again(name for name in places if name in keys)
    references = _resolve(moved, windows.tick)
    for row, name in zip(windows.rows, windows.external_ids, strict=True):
        if (reference := references.get(name)) is None:
            _, row["event_id"], row["event_is_known"] = places[name]
            continue
        row["session_id"], row["event_id"] = reference.session_id, reference.event_id
        row["event_is_known"] = reference.event_is_known
    _bury_again(windows)
    given = [references[name].session_id for name in moved]
    return np.unique(np.array([keys[name] for name in moved] + given, np.int64))


def _resolve(external_ids: list[str], tick: int) -> dict[str, SessionReference]:
    references: dict[str, SessionReference] = {}
    for portion in portions(external_ids):
        mentions = [Mention(name, None) for name in portion]
        references |= resolve_sessions(mentions, tick_end(tick))
    return references


def _open_again(external_ids: Iterable[str]) -> None:
    """Live sessions that the database has as over; not those that somebody has just ended."""
    for portion in portions(external_ids):
        ended = Session.objects.over().filter(external_id__in=portion)
        ended.exclude(ENDED_BY_HAND).update(ended_at=None, ended_by_hand=None)


def _bury_again(windows: SessionWindows) -> None:
    """Sessions with a tombstone are over, whatever the database says of them."""
    places = dict(find_sessions(windows.tombstones))
    windows.tombstones = {
        name: tombstone._replace(session_id=places[name].session_id if name in places else 0)
        for name, tombstone in windows.tombstones.items()
    }
    time = tick_end(windows.tick)
    for portion in portions(windows.tombstones):
        live = Session.objects.live().filter(external_id__in=portion)
        # Those that somebody has just opened again are told to the windows by the edits.
        live.exclude(edited_at__gte=time - HORIZON).update(ended_at=time, ended_by_hand=False)
