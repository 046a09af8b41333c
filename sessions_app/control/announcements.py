"""What admins announce of sessions: that they are over, live after all, or make a break."""

from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import pairwise

from sessions_app.models import Pause, Session

_FAR_AWAY = datetime.max.replace(tzinfo=UTC)


def end_session(session: Session, time: datetime) -> bool:
    """Announces that a session is over since ``time``; False where it was over before."""
    if session.is_over:
        return False
    session.ended_at = time
    session.save_edit("ended_at")
    return True


def reopen_session(session: Session, time: datetime) -> bool:
    """Announces at ``time`` that a session is live again; False where it was live before.

    It counts as heard of then, so that it has half an hour until its silence ends it.
    """
    if not session.is_over:
        return False
    session.ended_at, session.last_seen_at = None, time
    session.save_edit("ended_at", "last_seen_at")
    return True


def begin_break(session: Session, time: datetime) -> bool:
    """Announces a break from ``time`` on, until further notice or the next pause that is planned.

    Returns:
        False where the session is over, or makes a pause already.
    """
    if session.is_over or session.pauses.at(time).exists():
        return False
    planned = session.pauses.filter(starts_at__gt=time).order_by("starts_at").first()
    Pause.objects.create(
        session=session, starts_at=time, ends_at=planned.starts_at if planned else None
    )
    return True


def end_break(session: Session, time: datetime) -> bool:
    """Announces that the session goes on at ``time``; False where it makes no pause."""
    pause = session.pauses.filter(starts_at__lt=time).not_over_before(time).first()
    if pause is None:
        return False
    pause.ends_at = time
    pause.save(update_fields=["ends_at"])
    return True


def overlap(pauses: Iterable[tuple[datetime, datetime | None]]) -> bool:
    """Whether any two of the pauses, each from a start to an end or to None, share a moment."""
    in_order = sorted((start, end or _FAR_AWAY) for start, end in pauses)
    return any(end > next_start for (_, end), (next_start, _) in pairwise(in_order))
