"""Times of sessions and pauses that are refused."""

from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone

from sessions_app.models import Pause, Session

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)


def test_the_database_refuses_a_pause_that_ends_before_it_starts(session: Session) -> None:
    now = timezone.now()
    with pytest.raises(IntegrityError), transaction.atomic():
        Pause.objects.create(session=session, starts_at=now, ends_at=now - MINUTE)


@pytest.mark.parametrize(
    ("minutes", "message"),
    [(1, "Must not be in the future."), (-10, "Must not be before the start.")],
)
def test_an_impossible_end_is_refused(session: Session, minutes: int, message: str) -> None:
    now = timezone.now()
    session.started_at, session.ended_at = now - 5 * MINUTE, now + minutes * MINUTE
    with pytest.raises(ValidationError) as caught:
        session.full_clean()
    assert caught.value.message_dict == {"ended_at": [message]}
