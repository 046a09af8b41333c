"""What is announced of sessions: breaks, ends, and that they go on."""

from datetime import UTC, datetime

import pytest
import redis
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from sessions_app.control.announcements import begin_break, end_break, overlap
from sessions_app.models import Pause, Session
from tests.integration.test_session_ends import end, join, leave, opening, play
from tests.pipeline import rows
from tests.sessions_app.control.test_pause_cache import MINUTE, SECOND

pytestmark = pytest.mark.django_db


def test_a_break_is_announced_once(session: Session) -> None:
    now = timezone.now()
    assert begin_break(session, now)
    assert not begin_break(session, now + SECOND)
    assert end_break(session, now + MINUTE)
    assert not end_break(session, now + 2 * MINUTE)
    [pause] = session.pauses.all()
    assert (pause.starts_at, pause.ends_at, pause.kind) == (now, now + MINUTE, "BREAK")


def test_a_session_that_is_over_makes_no_break(session: Session) -> None:
    session.ended_at = timezone.now()
    assert not begin_break(session, timezone.now())


def test_a_break_lasts_until_the_next_pause_that_is_planned(session: Session) -> None:
    now = timezone.now()
    Pause.objects.create(session=session, starts_at=now + 30 * MINUTE, kind="CLOSING")
    assert begin_break(session, now)
    assert session.pauses.first().ends_at == now + 30 * MINUTE


@pytest.mark.parametrize(
    ("pauses", "expected"),
    [
        ([], False),
        ([(0, 5), (5, 9)], False),
        ([(5, 9), (0, 6)], True),
        ([(0, None), (20, 30)], True),
        ([(20, None), (0, 10)], False),
        ([(0, None), (20, None)], True),
    ],
)
def test_pauses_overlap(pauses: list[tuple[int, int | None]], expected: bool) -> None:
    def at(minute: int | None) -> datetime | None:
        return None if minute is None else datetime(2026, 1, 1, 12, minute, tzinfo=UTC)

    assert overlap((at(start), at(end)) for start, end in pauses) is expected


def test_an_admin_ends_sessions(redis_client: redis.Redis, admin_client: Client) -> None:
    opening(redis_client)
    act(admin_client, "end_sessions")
    ended_at = Session.objects.get().ended_at
    assert ended_at is not None
    play(redis_client, [leave(3, "u1"), leave(4, "u2")], 6)
    assert [row.active_users for row in rows()] == [2, 2, 2, 1], "the next tick is its last"
    assert Session.objects.get().ended_at == ended_at


def test_an_admin_opens_a_session_again(redis_client: redis.Redis, admin_client: Client) -> None:
    opening(redis_client)
    play(redis_client, [end(3)], 3)
    act(admin_client, "open_sessions")
    play(redis_client, [leave(4, "u1"), join(5, "u3")], 6)
    assert [row.active_users for row in rows()] == [2, 2, 2, 2, 0, 1, 1]
    assert not Session.objects.get().is_over


def act(client: Client, action: str) -> None:
    form = {"action": action, "_selected_action": [session.pk for session in Session.objects.all()]}
    response = client.post(reverse("admin:sessions_app_session_changelist"), form)
    assert response.status_code == 302
