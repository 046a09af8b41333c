"""Events and sessions that the platform mentions create themselves in the database."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import islice
from typing import NamedTuple

from django.db import connection, transaction
from django.utils import timezone

from sessions_app.events.blocks import Mention
from sessions_app.models import Event, Session
from sessions_app.queries.querysets import AWAITS_EVENT, EventQuerySet

# Where an admin moves one at the same moment, the admin's word counts.
_MOVE = """
    UPDATE sessions_app_session session
    SET event_id = move.event_id, stand_in_id = NULL, edited_at = %(now)s
    FROM unnest(%(sessions)s::bigint[], %(events)s::bigint[]) AS move (session_id, event_id)
    WHERE session.id = move.session_id AND session.event_id = session.stand_in_id
"""


# Sessions that are looked up at once.
CHUNK = 2_000


class SessionReference(NamedTuple):
    """Database keys of a session and its event.

    Attributes:
        event_is_known: False while the session waits for the platform to name its event, and one of
            its own stands in for it.
    """

    session_id: int
    event_id: int
    event_is_known: bool


def find_sessions(external_ids: Iterable[str]) -> Iterator[tuple[str, SessionReference]]:
    """Yields the sessions that there are, by the platform's IDs; a query for each portion.

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
    """Yields the IDs, a bounded number at a time."""
    remaining = iter(external_ids)
    while portion := list(islice(remaining, CHUNK)):
        yield portion


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
        missing = [mention for mention in mentions if mention.session_id not in known]
        named = [mention for mention in mentions if _awaited(mention, known)]
        moves = _without_assigned(known, named)
        # All that are named in one go and in one order: two shards must not wait for each other.
        events = _ensure_events({m.event_id for m in missing + moves if m.event_id is not None})
        if moves:
            _replace_stand_ins(known, moves, events)
        if missing:
            _create(missing, events, time)
            known |= _sessions(mention.session_id for mention in missing)
        over = [session.pk for session in known.values() if session.is_over]
        if over:
            Session.objects.filter(pk__in=over).update(
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
    """Whether it names the event of a session that is known and has none but its stand-in."""
    session = known.get(mention.session_id)
    return mention.event_id is not None and session is not None and session.awaits_event


def _sessions(external_ids: Iterable[str]) -> dict[str, Session]:
    found = Session.objects.filter(external_id__in=list(external_ids))
    return {session.external_id: session for session in found}


def _without_assigned(known: dict[str, Session], named: list[Mention]) -> list[Mention]:
    """Those whose session is in a stand-in that nobody was given."""
    if not named:
        return []
    stand_ins = Event.objects.filter(pk__in=[known[m.session_id].event_id for m in named])
    unassigned = set(stand_ins.unassigned().values_list("pk", flat=True))
    return [mention for mention in named if known[mention.session_id].event_id in unassigned]


def _create(mentions: Sequence[Mention], events: Mapping[str, int], time: datetime) -> None:
    """Creates sessions in the events that were named, and the others in stand-ins of their own."""
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
    """Database keys of the platform's events, by its event IDs; creates those that are missing."""
    return _ensure(external_ids, Event.objects.real(), is_stand_in=False)


def _ensure_stand_ins(session_ids: set[str]) -> dict[str, int]:
    """The same of sessions' own stand-ins, by the platform's session IDs."""
    return _ensure(session_ids, Event.objects.stand_ins(), is_stand_in=True)


def _ensure(external_ids: set[str], among: EventQuerySet, is_stand_in: bool) -> dict[str, int]:
    # In one order everywhere, so that two shards that create the same ones cannot deadlock.
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
    """Database keys of those of the platform's events that exist, by its event IDs."""
    return _keys(Event.objects.real(), list(external_ids))


def _replace_stand_ins(
    known: Mapping[str, Session], moves: list[Mention], events: Mapping[str, int]
) -> None:
    """Moves sessions to the events that were named, and removes stand-ins nobody needs.

    The number of queries is the same however many there are.
    """
    sessions = [known[mention.session_id] for mention in moves]
    left = [session.event_id for session in sessions]
    for session, mention in zip(sessions, moves, strict=True):
        session.event_id, session.stand_in_id = events[mention.event_id], None
    values = {
        "sessions": [session.pk for session in sessions],
        "events": [session.event_id for session in sessions],
        "now": timezone.now(),
    }
    with connection.cursor() as cursor:
        cursor.execute(_MOVE, values)
    Event.objects.filter(pk__in=left, sessions__isnull=True).delete()


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
    Session.objects.live().filter(pk__in=session_ids).update(ended_at=time, ended_by_hand=False)
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
    return silent.filter(pk__in=lost).update(ended_at=now, ended_by_hand=False)
