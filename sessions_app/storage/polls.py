"""First votes and closings of polls: each is stored once, however often its tick is."""

from collections.abc import Sequence
from datetime import datetime

from sessions_app.models import PollMoment
from sessions_app.state.poll_notices import PollNotice


def store_poll_notices(notices: Sequence[PollNotice], time: datetime) -> list[PollMoment]:
    """Stores the notices of the tick that ended at ``time``, within the caller's transaction.

    Existing rows stay unchanged: a poll has one first vote and one end.

    Returns:
        The stored rows of this tick with their sessions, without deleted sessions.
    """
    if not notices:
        return []
    PollMoment.objects.bulk_create(
        (
            PollMoment(
                session_id=notice.session_id,
                poll_id=notice.poll_id,
                kind=notice.kind.value,
                time=time,
                voters=notice.voters,
                present=notice.present,
            )
            for notice in notices
        ),
        ignore_conflicts=True,
    )
    sessions = {notice.session_id for notice in notices}
    stored = PollMoment.objects.filter(session_id__in=sessions, time=time)
    return list(stored.select_related("session"))


def drop_poll_moments_before(time: datetime) -> None:
    """Deletes poll moments older than ``time``."""
    PollMoment.objects.filter(time__lt=time).delete()
