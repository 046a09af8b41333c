"""Session storage: Django's table, without queries for keys that cannot be in it."""

from typing import Any

from django.contrib.sessions.backends import db

from dashboard.http.credentials import checked_login


# Do not rename: the class name is part of the salt that entries are signed with.
class SessionStore(db.SessionStore):
    """Django's own store; a key that it never generates counts as no key, for pages and sockets."""

    def _validate_session_key(self, key: Any) -> bool:
        return checked_login(key) is not None
