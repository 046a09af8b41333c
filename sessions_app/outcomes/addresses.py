"""The keys that the sessions of an outcome have in the database now, and those of their events.

An outcome may have waited, and keys may have changed hands since its tick
(:mod:`sessions_app.shards.database_epochs`).
"""

from collections.abc import Iterable

from sessions_app.storage.sessions import SessionReference, find_sessions


class Addresses:
    """The current keys of sessions and events.

    Args:
        sessions: keys in the outcome, with the platform's session IDs.
        keys_hold: whether keys still mean what they meant in that tick; otherwise only the
            platform's ID identifies a session.

    Raises:
        django.db.Error: the database does not answer.
    """

    def __init__(self, sessions: Iterable[tuple[int, str]], keys_hold: bool) -> None:
        self._names = dict(sessions)
        self._references = dict(find_sessions(set(self._names.values())))
        self._keys_hold = keys_hold

    def reference(self, external_id: str) -> SessionReference | None:
        """The current keys of a session and its event; None if it no longer exists."""
        return self._references.get(external_id)

    def current(self, session_id: int) -> int | None:
        """The key that a session has now; None if it is gone, or its ID is unknown."""
        if session_id not in self._names:
            return session_id if self._keys_hold else None
        reference = self.reference(self._names[session_id])
        return None if reference is None else reference.session_id
