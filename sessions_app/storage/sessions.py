"""Sessions and events in the database: creating those the platform mentions, ending sessions."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import islice
from typing import NamedTuple

from django.db import connection, transaction
from django.utils import timezone

from sessions_app.events.blocks import Mention
from sessions_app.models import Event, Session
from sessions_app.queries.querysets import AWAITS_EVENT, EventQuerySet

# If an admin moves a session at the same moment, the admin wins.
_MOVE = """
    UPDATE sessions_app_session session
    SET event_id = move.event_id, stand_in_id = NULL, edited_at = %(now)s
    FROM unnest(%(sessions)s::bigint[], %(events)s::bigint[]) AS move (session_id, event_id)
    WHERE session.id = move.session_id AND session.event_id = session.stand_in_id
"""


# Sessions looked up by one query.
CHUNK = 2_000


class SessionReference(NamedTuple):
    """Database keys of a session and its event.

    Attributes:
        event_is_known: False while the session is in a stand-in of its own, until the platform
            names its event.
    """

    session_id: int
    event_id: int
    event_is_known: bool


def find_sessions(external_ids: Iterable[str]) -> Iterator[tuple[str, SessionReference]]:
    """Yields the existing sessions by the platform's IDs; one query per chunk.

    Raises:
        django.db.Error: the database does not answer.
    """
    for portion in portions(external_ids):
        sessions = Session.objects.filter(external_id__in=portion).annotate(awaits=AWAITS_EVENT)
        for name, key, event_id, awaits_event in sessions.values_list(
            "external_id", "pk", "event_id", "awaits"
        ):
            yield name, SessionReference(key, event_id, not awaits_event)


def portions(external_ids: Iterable[str]) -> Iterator[list[str]]:
    """Yields the IDs in lists of bounded length."""
    remaining = iter(external_ids)
    while portion := list(islice(remaining, CHUNK)):
        yield portion


def resolve_sessions(mentions: Sequence[Mention], time: datetime) -> dict[str, SessionReference]:
    """Finds or creates the mentioned sessions, and reopens those that had ended.

    A session keeps its event. Only its own stand-in is replaced by the event that the platform
    names, unless somebody has been assigned to the stand-in.

    Args:
        mentions: each session once.
        time: when they were mentioned.

    Returns:
        A reference for every mention, by the platform's session ID.
    """
    with transaction.atomic():
        known = _sessions(mention.session_id for mention in mentions)
        missing = [mention for mention in mentions if mention.session_id not in known]
        named = [mention for mention in mentions if _awaited(mention, known)]
        moves = _without_assigned(known, named)
        # All named events at once, in a fixed order: two shards must not deadlock.
        events = _ensure_events({m.event_id for m in missing + moves if m.event_id is not None})
        if moves:
            _replace_stand_ins(known, moves, events)
        if missing:
            _create(missing, events, time)
            known |= _sessions(mention.session_id for mention in missing)
        ended = [session.pk for session in known.values() if session.is_over]
        if ended:
            Session.objects.filter(pk__in=ended).update(
                ended_at=None, ended_by_hand=None, last_seen_at=time
            )
    settled = {mention.session_id for mention in named}
    return {
        name: SessionReference(
            session.pk, session.event_id, not session.awaits_event or name in settled
        )
        for name, session in known.items()
    }


def _awaited(mention: Mention, known: Mapping[str, Session]) -> bool:
    """Whether it names the event of a known session that is still in its own stand-in."""
    session = known.get(mention.session_id)
    return mention.event_id is not None and session is not None and session.awaits_event


def _sessions(external_ids: Iterable[str]) -> dict[str, Session]:
    found = Session.objects.filter(external_id__in=list(external_ids))
    return {session.external_id: session for session in found}


def _without_assigned(known: dict[str, Session], named: list[Mention]) -> list[Mention]:
    """Those whose session is in a stand-in that is assigned to nobody."""
    if not named:
        return []
    stand_ins = Event.objects.filter(pk__in=[known[m.session_id].event_id for m in named])
    unassigned = set(stand_ins.unassigned().values_list("pk", flat=True))
    return [mention for mention in named if known[mention.session_id].event_id in unassigned]


def _create(mentions: Sequence[Mention], events: Mapping[str, int], time: datetime) -> None:
    """Creates sessions in the named events, or in stand-ins of their own."""
    stand_ins = _ensure_stand_ins({m.session_id for m in mentions if m.event_id is None})
    Session.objects.bulk_create(
        [
            Session(
                external_id=session_id,
                title=session_id,
                event_id=stand_ins[session_id] if event_id is None else events[event_id],
                stand_in_id=stand_ins[session_id] if event_id is None else None,
                started_at=time,
                last_seen_at=time,
            )
            for session_id, event_id in mentions
        ],
        ignore_conflicts=True,
    )


def _ensure_events(external_ids: set[str]) -> dict[str, int]:
    """Database keys of the platform's events, by its event IDs; creates missing ones."""
    return _ensure(external_ids, Event.objects.real(), is_stand_in=False)


def _ensure_stand_ins(session_ids: set[str]) -> dict[str, int]:
    """Database keys of sessions' own stand-ins, by session ID; creates missing ones."""
    return _ensure(session_ids, Event.objects.stand_ins(), is_stand_in=True)


def _ensure(external_ids: set[str], among: EventQuerySet, is_stand_in: bool) -> dict[str, int]:
    # In the same order everywhere, so that two shards creating the same rows cannot deadlock.
    wanted = sorted(external_ids)
    found = _keys(among, wanted)
    missing = [external_id for external_id in wanted if external_id not in found]
    if missing:
        Event.objects.bulk_create(
            [
                Event(external_id=external_id, title=external_id, is_stand_in=is_stand_in)
                for external_id in missing
            ],
            ignore_conflicts=True,
        )
        found |= _keys(among, missing)
    return found


def _keys(events: EventQuerySet, external_ids: list[str]) -> dict[str, int]:
    if not external_ids:
        return {}
    found = events.filter(external_id__in=external_ids)
    return dict(found.values_list("external_id", "pk"))


def event_keys(external_ids: Iterable[str]) -> dict[str, int]:
    """Database keys of the platform's existing events, by its event IDs."""
    return _keys(Event.objects.real(), list(external_ids))


def _replace_stand_ins(
    known: Mapping[str, Session], moves: list[Mention], events: Mapping[str, int]
) -> None:
    """Moves sessions to their named events, and removes stand-ins that are no longer needed.

    The number of queries does not depend on the number of sessions.
    """
    sessions = [known[mention.session_id] for mention in moves]
    stand_ins = [session.event_id for session in sessions]
    for session, mention in zip(sessions, moves, strict=True):
        session.event_id, session.stand_in_id = events[mention.event_id], None
    values = {
        "sessions": [session.pk for session in sessions],
        "events": [session.event_id for session in sessions],
        "now": timezone.now(),
    }
    with connection.cursor() as cursor:
        cursor.execute(_MOVE, values)
    Event.objects.filter(pk__in=stand_ins, sessions__isnull=True).delete()


def live_sessions(external_ids: Iterable[str]) -> set[str]:
    """The IDs of those sessions that exist and are live."""
    live = Session.objects.live().filter(external_id__in=list(external_ids))
    return set(live.values_list("external_id", flat=True))


def store_last_seen(session_ids: Sequence[int], time: datetime) -> None:
    """Stores when the sessions were last seen."""
    if session_ids:
        Session.objects.filter(pk__in=session_ids).update(last_seen_at=time)


def end_sessions(session_ids: Sequence[int], time: datetime) -> None:
    """Marks the live ones of the sessions as ended.

    For deleted sessions, removes the rows that were stored after the deletion.
    """
    if not session_ids:
        return
    Session.objects.live().filter(pk__in=session_ids).update(ended_at=time, ended_by_hand=False)
    kept = set(Session.objects.filter(pk__in=session_ids).values_list("pk", flat=True))
    for key in set(session_ids) - kept:
        Session(pk=key).delete()


def end_silent_sessions(
    now: datetime, silence: timedelta, is_live: Callable[[str], bool] = lambda _: False
) -> int:
    """Marks sessions as ended that were silent for ``silence``; returns how many.

    The scorer ends silent sessions itself; this covers those whose state it has lost.

    Args:
        is_live: whether a session is known to be live nevertheless, by the platform's ID.
    """
    silent = Session.objects.live().filter(last_seen_at__lt=now - silence)
    lost = [key for key, name in silent.values_list("pk", "external_id") if not is_live(name)]
    # Checks the time again: they may have been seen meanwhile.
    return silent.filter(pk__in=lost).update(ended_at=now, ended_by_hand=False)
