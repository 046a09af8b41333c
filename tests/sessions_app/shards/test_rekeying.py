"""Sessions whose windows are looked up again, and that the database says have ended."""

from datetime import timedelta

import numpy as np
import pytest
from django.utils import timezone

from sessions_app.models import Session
from sessions_app.shards.rekeying import rekey_sessions
from sessions_app.state.session_windows import ROW, SessionWindows
from sessions_app.ticks import tick_ending
from tests.factories import last_tick_end, make_event, make_session

pytestmark = pytest.mark.django_db

SECOND = timedelta(seconds=1)


def rekeyed(session: Session) -> Session:
    """The session after its shard, in which it is live, has looked up its keys."""
    windows = SessionWindows(tick_ending(last_tick_end()))
    rows = np.zeros(1, ROW)
    rows["session_id"], rows["event_id"] = session.pk, session.event_id
    windows.add_sessions([session.external_id], rows)
    rekey_sessions(windows)
    session.refresh_from_db()
    return session


@pytest.mark.parametrize(
    ("by_hand", "edited_after_seconds", "is_over"),
    [
        (True, 0, True),
        (True, None, True),
        (False, 1, False),
        (False, None, False),
        pytest.param(None, 0, True, id="by hand, in the release before"),
        pytest.param(None, -1, False, id="by the clock, in the release before"),
        pytest.param(None, None, False, id="by the clock, in the release before, never edited"),
    ],
)
def test_only_an_end_by_hand_outlasts_a_restored_database(
    by_hand: bool | None, edited_after_seconds: int | None, is_over: bool
) -> None:
    now = timezone.now()
    session = make_session(
        make_event("Conference"),
        "Talk",
        ended_at=now,
        ended_by_hand=by_hand,
        edited_at=None if edited_after_seconds is None else now + edited_after_seconds * SECOND,
    )
    session = rekeyed(session)
    assert session.is_over == is_over
    assert session.ended_by_hand == (by_hand if is_over else None)
