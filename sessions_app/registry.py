"""Events and sessions that the platform mentions create themselves in the database."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from django.db import transaction

from sessions_app.blocks import Mention
from sessions_app.models import Event, Session


class SessionReference(NamedTuple):
    """Database keys of a session and its event.

    Attributes:
        event_is_known: False while the platform has named no event, so that one of the session's
            own stands in for it.
    """

    session_id: int
    event_id: int
    event_is_known: bool


def resolve_sessions(mentions: Sequence[Mention], time: datetime) -> dict[str, SessionReference]:
    """Finds or creates the mentioned sessions, and opens those again that were over.

    A session keeps the event it has. Only the stand-in that it got because the platform had named
    none gives way to the real one, unless somebody has been assigned to the stand-in.

    Args:
        mentions: each session once.
        time: when they were heard of.

    Returns:
        A reference for every mention, by the platform's session ID.
    """
    with transaction.atomic():
        known = _sessions(mention.session_id for mention in mentions)
        _create_missing([m for m in mentions if m.session_id not in known], time)
        known = _sessions(mention.session_id for mention in mentions)
        _replace_stand_ins(known, mentions)
        over = [session.pk for session in known.values() if session.is_over]
        Session.objects.filter(pk__in=over).update(ended_at=None, last_seen_at=time)
    return {
        external_id: SessionReference(session.pk, session.event_id, not _stands_in(session))
        for external_id, session in known.items()
    }


def _sessions(external_ids: Iterable[str]) -> dict[str, Session]:
    found = Session.objects.filter(external_id__in=list(external_ids)).select_related("event")
    return {session.external_id: session for session in found}


def _stands_in(session: Session) -> bool:
    return session.event.external_id == session.external_id


def _create_missing(mentions: Sequence[Mention], time: datetime) -> None:
    events = _ensure_events(mention.event_id or mention.session_id for mention in mentions)
    Session.objects.bulk_create(
        [
            Session(
                external_id=mention.session_id,
                title=mention.session_id,
                event_id=events[mention.event_id or mention.session_id],
                started_at=time,
                last_seen_at=time,
            )
            for mention in mentions
        ],
        ignore_conflicts=True,
    )


def _ensure_events(external_ids: Iterable[str]) -> dict[str, int]:
    # In one order everywhere, so that two shards that create the same ones cannot deadlock.
    wanted = sorted(set(external_ids))
    found = event_keys(wanted)
    missing = [external_id for external_id in wanted if external_id not in found]
    if missing:
        Event.objects.bulk_create(
            [Event(external_id=external_id, title=external_id) for external_id in missing],
            ignore_conflicts=True,
        )
        found = event_keys(wanted)
    return found


def event_keys(external_ids: Iterable[str]) -> dict[str, int]:
    """Database keys of those of the events that exist, by the platform's IDs."""
    events = Event.objects.filter(external_id__in=list(external_ids))
    return dict(events.values_list("external_id", "pk"))


def _replace_stand_ins(known: dict[str, Session], mentions: Sequence[Mention]) -> None:
    """Moves sessions whose real event has been named, and removes stand-ins nobody needs."""
    named = [
        (known[mention.session_id], mention.event_id)
        for mention in mentions
        if mention.event_id is not None and _stands_in(known[mention.session_id])
    ]
    stand_ins = Event.objects.filter(pk__in=[session.event_id for session, _ in named])
    unassigned = set(stand_ins.unassigned().values_list("pk", flat=True))
    moves = [pair for pair in named if pair[0].event_id in unassigned]
    events = _ensure_events(event_id for _, event_id in moves)
    for session, event_id in moves:
        session.event = Event.objects.get(pk=events[event_id])
        session.save(update_fields=["event", "edited_at"])
    Event.objects.filter(pk__in=unassigned, sessions__isnull=True).delete()


def live_sessions(external_ids: Iterable[str]) -> set[str]:
    """Those of the sessions that exist and are not over."""
    live = Session.objects.live().filter(external_id__in=list(external_ids))
    return set(live.values_list("external_id", flat=True))


def note_signs_of_life(session_ids: Sequence[int], time: datetime) -> None:
    """Stores when the sessions were last heard of."""
    if session_ids:
        Session.objects.filter(pk__in=session_ids).update(last_seen_at=time)


def end_sessions(session_ids: Sequence[int], time: datetime) -> None:
    """Marks the sessions as over, those that are not yet.

    Of those that have been deleted, it removes what was stored after that.
    """
    if not session_ids:
        return
    Session.objects.live().filter(pk__in=session_ids).update(ended_at=time)
    kept = set(Session.objects.filter(pk__in=session_ids).values_list("pk", flat=True))
    for key in set(session_ids) - kept:
        Session(pk=key).delete()


def end_silent_sessions(
    now: datetime, silence: timedelta, is_live: Callable[[str], bool] = lambda _: False
) -> int:
    """Marks sessions as over that nothing was heard of for ``silence``; returns how many.

    The scorer does so by itself; this is for those whose state it has lost.

    Args:
        is_live: whether somebody knows better of a session, by the platform's ID.
    """
    silent = Session.objects.live().filter(last_seen_at__lt=now - silence)
    lost = [key for key, name in silent.values_list("pk", "external_id") if not is_live(name)]
    # The time once more: they may have been heard of meanwhile.
    return silent.filter(pk__in=lost).update(ended_at=now)
