"""First votes and closings of polls in the database: each once, however often a tick is stored."""

from collections.abc import Sequence
from datetime import datetime

from sessions_app.models import PollMoment
from sessions_app.state.poll_notices import PollNotice


def store_poll_notices(notices: Sequence[PollNotice], time: datetime) -> list[PollMoment]:
    """Stores what happened in the tick that ended at ``time``, within the caller's transaction.

    What is known already stays as it is: a poll has one first vote, and one end.

    Returns:
        What is stored of this tick, with its sessions; nothing of those that have been deleted.
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
    """Drops what is older than ``time``."""
    PollMoment.objects.filter(time__lt=time).delete()
