"""Breaks and closings: announced, seen by the pages, and quiet for the detector."""

from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from sessions_app.control.announcements import begin_break
from sessions_app.control.pause_cache import PauseCache
from sessions_app.models import Pause, Session
from tests.factories import make_session
from tests.sessions_app.admin.test_session_admin import act

pytestmark = pytest.mark.django_db

MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)


def cache() -> PauseCache:
    fresh = PauseCache()
    fresh.refresh()
    return fresh


def muted(session: Session, time: datetime) -> bool:
    [is_muted] = cache().muted(np.array([session.pk]), time).tolist()
    return is_muted


def test_a_session_is_muted_from_the_start_until_a_minute_after_the_end(session: Session) -> None:
    start = timezone.now() - 3 * MINUTE
    end = start + 2 * MINUTE
    Pause.objects.create(session=session, starts_at=start, ends_at=end)
    times = [start - SECOND, start, end, end + 59 * SECOND, end + MINUTE]
    assert [muted(session, time) for time in times] == [False, True, True, True, False]
    kinds = [cache().kinds(time) for time in times]
    assert kinds == [{}, {session.pk: "BREAK"}, {}, {}, {}]


def test_a_pause_without_an_end_goes_on(session: Session) -> None:
    now = timezone.now()
    Pause.objects.create(session=session, starts_at=now - timedelta(days=2), kind="CLOSING")
    assert muted(session, now)
    assert cache().kinds(now) == {session.pk: "CLOSING"}


def test_only_those_who_make_a_pause_are_muted(session: Session) -> None:
    now = timezone.now()
    others = [make_session(session.event, name) for name in ("Panel", "Workshop")]
    Pause.objects.create(session=others[0], starts_at=now - MINUTE)
    keys = np.array([session.pk, others[1].pk, others[0].pk, 0])
    assert cache().muted(keys, now).tolist() == [False, False, True, False]
    assert cache().muted(keys[:0], now).tolist() == []


def test_a_cache_that_was_never_refreshed_mutes_nobody(session: Session) -> None:
    Pause.objects.create(session=session, starts_at=timezone.now() - MINUTE)
    assert PauseCache().muted(np.array([session.pk]), timezone.now()).tolist() == [False]


def test_late_ticks_know_the_pauses_of_their_time(session: Session) -> None:
    now = timezone.now()
    Pause.objects.create(session=session, starts_at=now - 20 * MINUTE, ends_at=now - 9 * MINUTE)
    assert muted(session, now - 10 * MINUTE)
    assert not muted(session, now)


def test_changes_are_taken_over_at_the_next_refresh(
    session: Session, django_assert_num_queries: Any
) -> None:
    pauses, keys, now = cache(), np.array([session.pk]), timezone.now()
    pause = Pause.objects.create(session=session, starts_at=now - MINUTE)
    with django_assert_num_queries(0):
        pauses.refresh()
    assert not pauses.muted(keys, now).any(), "at most once a second"
    pauses._refreshed_at -= 2 * SECOND
    with django_assert_num_queries(1):
        pauses.refresh()
    assert pauses.muted(keys, now).all()
    pause.delete()
    pauses._refreshed_at -= 2 * SECOND
    pauses.refresh()
    assert not pauses.muted(keys, now).any()


def test_pauses_that_matter_no_longer_are_not_kept(session: Session) -> None:
    now = timezone.now()
    over = make_session(session.event, "Over", ended_at=now - timedelta(hours=1))
    Pause.objects.create(session=over, starts_at=now - timedelta(hours=2))
    Pause.objects.create(session=session, starts_at=now - 40 * MINUTE, ends_at=now - 30 * MINUTE)
    Pause.objects.create(session=session, starts_at=now + 30 * MINUTE)
    assert len(cache()._pauses) == 0


def test_breaks_are_announced_from_the_list_of_sessions(
    admin_client: Client, session: Session
) -> None:
    paused = make_session(session.event, "Panel")
    begin_break(paused, timezone.now())
    act(admin_client, "begin_breaks", session, paused)
    assert Pause.objects.at(timezone.now()).count() == 2
    assert list(LogEntry.objects.values_list("object_id", "change_message")) == [
        (str(session.pk), "Paused.")
    ]
    act(admin_client, "end_breaks", session, paused)
    assert not Pause.objects.at(timezone.now()).exists()


def post_pauses(client: Client, session: Session, *pauses: tuple[str, str]) -> Any:
    """Saves a session's form with these pauses, each of a day in 2026 from a time to a time."""
    form: dict[str, Any] = {
        "title": session.title,
        "event": session.event_id,
        "pauses-TOTAL_FORMS": len(pauses),
        "pauses-INITIAL_FORMS": 0,
    }
    for number, (start, end) in enumerate(pauses):
        prefix = f"pauses-{number}-"
        form |= {f"{prefix}kind": "BREAK", f"{prefix}session": session.pk}
        for name, time in (("starts_at", start), ("ends_at", end)):
            form[f"{prefix}{name}_0"] = "2026-11-20" if time else ""
            form[f"{prefix}{name}_1"] = time
    return client.post(reverse("admin:sessions_app_session_change", args=[session.pk]), form)


def test_pauses_are_planned_on_the_sessions_page(admin_client: Client, session: Session) -> None:
    assert post_pauses(admin_client, session, ("10:00", "10:15"), ("12:00", "")).status_code == 302
    assert [pause.ends_at is None for pause in session.pauses.all()] == [False, True]


@pytest.mark.parametrize(
    ("pauses", "problem"),
    [
        ([("10:00", "09:00")], "A pause must end after it starts."),
        ([("10:00", "10:15"), ("10:10", "11:00")], "Two pauses overlap."),
        ([("10:00", ""), ("12:00", "13:00")], "Two pauses overlap."),
    ],
)
def test_pauses_that_cannot_be_are_refused(
    admin_client: Client, session: Session, pauses: list[tuple[str, str]], problem: str
) -> None:
    page = post_pauses(admin_client, session, *pauses).content.decode()
    assert problem in page
    assert not session.pauses.exists()
