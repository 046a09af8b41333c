"""What admins announce of sessions: that they are over, or are live after all."""

from datetime import datetime

from sessions_app.models import Session


def end_session(session: Session, time: datetime) -> bool:
    """Announces that a session is over since ``time``; False where it was over before."""
    if session.is_over:
        return False
    session.ended_at = time
    session.save(update_fields=["ended_at", "edited_at"])
    return True


def reopen_session(session: Session, time: datetime) -> bool:
    """Announces at ``time`` that a session is live again; False where it was live before.

    It counts as heard of then, so that it has half an hour until its silence ends it.
    """
    if not session.is_over:
        return False
    session.ended_at, session.last_seen_at = None, time
    session.save(update_fields=["ended_at", "last_seen_at", "edited_at"])
    return True
