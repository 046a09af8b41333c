"""What admins announce about sessions: an end, a reopening, or a break."""

from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import pairwise

from sessions_app.models import Pause, Session

_FAR_AWAY = datetime.max.replace(tzinfo=UTC)


def end_session(session: Session, time: datetime) -> bool:
    """Announces that a session ended at ``time``; False if it had already ended."""
    if session.is_over:
        return False
    session.ended_at = time
    session.save_edit("ended_at")
    return True


def reopen_session(session: Session, time: datetime) -> bool:
    """Announces at ``time`` that a session is live again; False if it was live already.

    It counts as seen then, so it takes another half hour of silence to end it.
    """
    if not session.is_over:
        return False
    session.ended_at, session.last_seen_at = None, time
    session.save_edit("ended_at", "last_seen_at")
    return True


def begin_break(session: Session, time: datetime) -> bool:
    """Announces a break from ``time`` until further notice, or until the next planned pause.

    Returns:
        False if the session has ended, or is paused already.
    """
    if session.is_over or session.pauses.at(time).exists():
        return False
    planned = session.pauses.filter(starts_at__gt=time).order_by("starts_at").first()
    Pause.objects.create(
        session=session, starts_at=time, ends_at=planned.starts_at if planned else None
    )
    return True


def end_break(session: Session, time: datetime) -> bool:
    """Announces that the session resumes at ``time``; False if it is not paused."""
    pause = session.pauses.filter(starts_at__lt=time).not_ended_before(time).first()
    if pause is None:
        return False
    pause.ends_at = time
    pause.save(update_fields=["ends_at"])
    return True


def overlap(pauses: Iterable[tuple[datetime, datetime | None]]) -> bool:
    """Whether any two of the pauses overlap; each has a start, and an end or None."""
    in_order = sorted((start, end or _FAR_AWAY) for start, end in pauses)
    return any(end > next_start for (_, end), (next_start, _) in pairwise(in_order))
