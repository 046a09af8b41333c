"""Where logins are kept: in Django's table, and nothing is looked up that cannot be in it."""

from typing import Any

from django.contrib.sessions.backends import db

from dashboard.http.credentials import checked_login


# Its name is part of what its entries are signed with.
class SessionStore(db.SessionStore):
    """Django's own store; a key that it never makes is as no key, for pages and sockets alike."""

    def _validate_session_key(self, key: Any) -> bool:
        return checked_login(key) is not None
