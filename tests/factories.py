"""Factories of users, events, sessions and metrics, with defaults for irrelevant fields."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import count
from typing import Any
from uuid import uuid4

from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import Permission, User
from django.utils import timezone
from msgspec import to_builtins

from anomalies_app.models import Anomaly
from anomalies_app.records import AnomalyChange, Change, SignalMove
from anomalies_app.storage import row_values
from sessions_app.models import EngagementMetric, Event, PollMoment, Session
from sessions_app.recordings.signal_recording import RecordedSignals
from sessions_app.scoring.points import SessionPoint, SignalValues
from sessions_app.scoring.score import Signals, category
from sessions_app.ticks import TICK_SECONDS

PASSWORD = "correct horse"
SIGNALS = SignalValues(14.0, 0.4, 120, 150, 3.0, 0.01)
# What pages, programs and the platform are told of them.
SIGNALS_ON_WIRE = {
    "chat_msgs_per_min": 14.0,
    "poll_participation": 0.4,
    "active_users": 120,
    "total_users": 150,
    "reactions_per_min": 3.0,
    "user_leave_rate": 0.01,
}
COUNTS = ("chat_count", "reaction_count", "join_count", "leave_count", "vote_count")
TICK = timedelta(seconds=TICK_SECONDS)
numbers = count(1)


@dataclass
class Cast:
    """Alice organizes one event, Bob another, Charlie none, and an admin sees them all."""

    alice: User
    bob: User
    charlie: User
    admin: User
    session: Session
    bobs_session: Session


def make_cast() -> Cast:
    alice, bob, charlie = (make_user(name) for name in ("alice", "bob", "charlie"))
    return Cast(
        alice,
        bob,
        charlie,
        admin=make_user("admin", is_staff=True, is_superuser=True),
        session=make_session(make_event("Alice's conference", alice), "Keynote"),
        bobs_session=make_session(make_event("Bob's webinars", bob), "Panel"),
    )


def make_user(name: str, **fields: Any) -> User:
    return User.objects.create(username=name, password=password_hash(), **fields)


@cache
def password_hash() -> str:
    """The hash of :data:`PASSWORD`; computed once, as it deliberately takes half a second."""
    return make_password(PASSWORD)


def make_staff(name: str, permission: str) -> User:
    """A staff member with a single permission."""
    user = make_user(name, is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename=permission))
    return user


def make_event(name: str, *organizers: Any) -> Event:
    event = Event.objects.create(external_id=f"event-{next(numbers)}", title=name)
    event.organizers.set(organizers)
    return event


def make_session(event: Event, title: str, **fields: Any) -> Session:
    now = timezone.now()
    usual = {"external_id": f"session-{next(numbers)}", "started_at": now, "last_seen_at": now}
    return Session.objects.create(event=event, title=title, **{**usual, **fields})


def unsaved_session(key: int, event_key: int = 1, event: str = "conference") -> Session:
    """A session that is in no database; ``event`` is the platform's ID of its event."""
    return Session(pk=key, external_id=f"s{key}", event=Event(pk=event_key, external_id=event))


def last_tick_end() -> datetime:
    """The end of the last tick that has ended."""
    now = timezone.now().timestamp()
    return datetime.fromtimestamp(now - now % TICK_SECONDS, tz=UTC)


def make_metrics(session: Session, scores: list[float], end: datetime | None = None) -> None:
    """One row per score, in order of time; the last at ``end``, by default a tick ago."""
    last = end or last_tick_end() - TICK
    signals = {name: getattr(SIGNALS, name) for name in SIGNALS.__struct_fields__}
    EngagementMetric.objects.bulk_create(
        EngagementMetric(
            session=session,
            time=last - (len(scores) - 1 - number) * TICK,
            score=score,
            **signals,
            **dict.fromkeys(COUNTS, 0),
        )
        for number, score in enumerate(scores)
    )


def make_poll_moment(
    session: Session, poll_id: str, kind: str, time: datetime, **fields: Any
) -> PollMoment:
    usual = {"voters": 85 if kind == "CLOSED" else 1, "present": 120}
    return PollMoment.objects.create(
        session=session, poll_id=poll_id, kind=kind, time=time, **{**usual, **fields}
    )


def store_signals(session: Session, recorded: RecordedSignals) -> None:
    """Stores the rows of one recorded session as metrics, the last a tick ago."""
    end = last_tick_end() - TICK
    columns = [getattr(recorded, name).tolist() for name in Signals._fields]
    EngagementMetric.objects.bulk_create(
        EngagementMetric(
            session=session,
            time=end - (int(recorded.tick[-1]) - tick) * TICK,
            score=0.5,
            **dict(zip(Signals._fields, values, strict=True)),
            **dict.fromkeys(COUNTS, 0),
        )
        for tick, *values in zip(recorded.tick.tolist(), *columns, strict=True)
    )


def make_point(session: Session, score: float, time: datetime | None = None) -> SessionPoint:
    """The scorer's point of a session at the end of a tick, by default the last one."""
    return SessionPoint(
        session_id=session.pk,
        event_id=session.event_id,
        external_id=session.external_id,
        event_external_id=session.event.external_id,
        time=time or last_tick_end(),
        score=score,
        category=category(score),
        signals=SIGNALS,
    )


def make_notice(
    session: Session, change: Change = Change.BEGAN, ago: int = 0, **fields: Any
) -> AnomalyChange:
    """The detector's notice of an anomaly, raised ``ago`` seconds before the last tick ended."""
    last = last_tick_end()
    began_at = last - timedelta(seconds=ago)
    usual = {
        "id": uuid4(),
        "change": change,
        "session_id": session.pk,
        "event_id": session.event_id,
        "external_id": session.external_id,
        "event_external_id": session.event.external_id,
        "began_at": began_at,
        "changed_at": began_at if change is Change.BEGAN else last,
        "ended_at": fields.get("changed_at", last) if change is Change.ENDED else None,
        "type": "MASS_EXIT",
        "severity": "WARNING",
        "anomaly_score": 0.71,
        "current_engagement": 0.35,
        "expected_engagement": 0.61,
        "reason": "Active users fell from 190 to 121 in 40 seconds.",
        "signals": SIGNALS,
        "moved": SignalMove("active_users", 190, 121, 40),
    }
    return AnomalyChange(**{**usual, **fields})


def make_anomaly(notice: AnomalyChange, **fields: Any) -> Anomaly:
    """The row of an anomaly, as stored by the pipeline."""
    usual = {
        **{name: getattr(notice, name) for name in ("id", "session_id", "event_id", "ended_at")},
        **row_values(notice),
        "time": notice.began_at,
        "metadata": {"moved": to_builtins(notice.moved)},
    }
    return Anomaly.objects.create(**{**usual, **fields})
