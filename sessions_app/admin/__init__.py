"""Events, sessions and accounts in Django admin."""

from sessions_app.admin import account_admin, event_admin, session_admin

__all__ = ["account_admin", "event_admin", "session_admin"]
