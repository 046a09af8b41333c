"""Whose the parts of an outcome that waited are, and of which event, by what the database says now.

Keys may have changed hands since the tick (:mod:`sessions_app.shards.database_epochs`).
"""

from collections.abc import Iterable

from sessions_app.storage.sessions import Place, find_sessions


class Addresses:
    """The keys that sessions and events have now.

    Args:
        sessions: keys in the outcome, with the platform's session IDs.
        keys_hold: whether keys mean what they meant in that tick; otherwise a session is known by
            the platform's ID only.

    Raises:
        django.db.Error: the database does not answer.
    """

    def __init__(self, sessions: Iterable[tuple[int, str]], keys_hold: bool) -> None:
        names = dict(sessions)
        self._places: dict[str, Place] = dict(find_sessions(set(names.values())))
        self._names = names
        self._keys_hold = keys_hold

    def place(self, external_id: str) -> Place | None:
        """Where a session is now; None where there is none any more."""
        return self._places.get(external_id)

    def current(self, session_id: int) -> int | None:
        """The key that a session has now; None where it is gone, or nobody knows whose it was."""
        if session_id not in self._names:
            return session_id if self._keys_hold else None
        place = self._places.get(self._names[session_id])
        return None if place is None else place.session_id
