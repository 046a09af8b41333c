"""Separates stand-ins from events in rows of a release that recognised them by equal IDs.

In that release, an event with the ID of one of its sessions was that session's stand-in, whichever
other sessions it contained. What can be inferred is repaired; what a person did stays.
"""

import json
import logging
from collections.abc import Iterator
from typing import Any, NamedTuple

from django.db import connection, transaction
from django.db.models import Q
from django.utils import timezone

logger = logging.getLogger(__name__)

# Sessions examined, and possibly changed, in one transaction.
BATCH = 2_000
# Moves that are logged one by one.
LOGGED_MOVES = 100

# As django.contrib.admin.models has them.
_ADDITION, _CHANGE = 1, 2

_LAST_OF_BATCH = """
    SELECT max(id) FROM (
        SELECT id FROM sessions_app_session WHERE id > %s ORDER BY id LIMIT %s
    ) batch
"""
# Sessions without a stand-in, in events with the same ID.
_PAIRS = """
    SELECT session.id, event.id, event.external_id
    FROM sessions_app_session session
    JOIN sessions_app_event event
        ON event.id = session.event_id AND event.external_id = session.external_id
    WHERE session.id > %s AND session.id <= %s
        AND session.stand_in_id IS NULL AND NOT event.is_stand_in
    ORDER BY session.id
"""
# No session can be added to them until the transaction ends.
_LOCK = "SELECT id FROM sessions_app_event WHERE id = ANY(%s) ORDER BY id FOR UPDATE"
_WITH_OTHERS = """
    SELECT id FROM sessions_app_event event
    WHERE id = ANY(%s) AND EXISTS (
        SELECT FROM sessions_app_session session
        WHERE session.event_id = event.id AND session.external_id <> event.external_id
            AND session.id <> ALL(%s)
    )
"""
_MARK = "UPDATE sessions_app_event SET is_stand_in = TRUE WHERE id = ANY(%s)"
# Setting edited_at makes the scorer follow the change.
_GIVE = """
    UPDATE sessions_app_session session
    SET event_id = given.stand_in_id, stand_in_id = given.stand_in_id,
        edited_at = CASE WHEN session.ended_at IS NULL THEN %s ELSE session.edited_at END
    FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[]) AS given (id, event_id, stand_in_id)
    WHERE session.id = given.id AND session.event_id = given.event_id
"""


class Pair(NamedTuple):
    """A session in an event with the same ID."""

    session_id: int
    event_id: int
    external_id: str


class Repaired(NamedTuple):
    """Number of sessions by what was done.

    Attributes:
        marked: alone in their event, which is now marked as a stand-in.
        moved: shared their event with others; now in a stand-in of their own.
        left: left where a person had put them.
    """

    marked: int = 0
    moved: int = 0
    left: int = 0


class _ByHand(NamedTuple):
    """What people did in the admin according to its log: database keys."""

    placed_sessions: set[int]
    added_events: set[int]


def separate_stand_ins(apps: Any) -> Repaired:
    """Goes through all sessions in short transactions; may be repeated.

    The decoder drops event IDs that equal the session's ID. So a session is in such an event either
    because no event was named, or because a person put it there. If the platform named that event
    for other sessions, or a person created it, it is not a stand-in, and the session moves to a
    stand-in of its own.

    Args:
        apps: the app registry, current or of a migration.
    """
    by_hand = _by_hand(apps)
    repaired = Repaired()
    for pairs in _batches():
        left = [pair for pair in pairs if pair.session_id in by_hand.placed_sessions]
        others = [pair for pair in pairs if pair.session_id not in by_hand.placed_sessions]
        marked, moved = _separate(apps.get_model("sessions_app", "Event"), others, by_hand)
        _log_moves(moved[: max(0, LOGGED_MOVES - repaired.moved)])
        counts = (len(marked), len(moved), len(left))
        repaired = Repaired(*(total + count for total, count in zip(repaired, counts, strict=True)))
    if any(repaired):
        logger.info(
            "Marked %d events as stand-ins; moved %d sessions from an event that happened to have"
            " the same ID to a stand-in of their own; left %d where a person had put them.",
            *repaired,
        )
    return repaired


def _batches() -> Iterator[list[Pair]]:
    """Yields all pairs by ranges of keys, so that no query scans all sessions again."""
    first = 0
    with connection.cursor() as cursor:
        while True:
            cursor.execute(_LAST_OF_BATCH, [first, BATCH])
            (last,) = cursor.fetchone()
            if last is None:
                return
            cursor.execute(_PAIRS, [first, last])
            if pairs := [Pair(*row) for row in cursor.fetchall()]:
                yield pairs
            first = last


def _separate(
    event_model: Any, pairs: list[Pair], by_hand: _ByHand
) -> tuple[list[Pair], list[Pair]]:
    """Returns the pairs that were marked, and those that were moved."""
    events = [pair.event_id for pair in pairs]
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_LOCK, [events])
        cursor.execute(_WITH_OTHERS, [events, list(by_hand.placed_sessions)])
        real = {key for (key,) in cursor.fetchall()} | by_hand.added_events
        alone = [pair for pair in pairs if pair.event_id not in real]
        moved = [pair for pair in pairs if pair.event_id in real]
        cursor.execute(_MARK, [[pair.event_id for pair in alone]])
        stand_ins = _make_stand_ins(event_model, moved)
        stand_ins |= {pair.session_id: pair.event_id for pair in alone}
        cursor.execute(
            _GIVE,
            [
                timezone.now(),
                [pair.session_id for pair in pairs],
                events,
                [stand_ins[pair.session_id] for pair in pairs],
            ],
        )
    return alone, moved


def _make_stand_ins(event_model: Any, pairs: list[Pair]) -> dict[int, int]:
    """Creates a stand-in for each session; returns their keys by session key."""
    names = [pair.external_id for pair in pairs]
    event_model.objects.bulk_create(
        [event_model(external_id=name, title=name, is_stand_in=True) for name in names],
        ignore_conflicts=True,
    )
    found = event_model.objects.filter(external_id__in=names, is_stand_in=True)
    keys = dict(found.values_list("external_id", "pk"))
    return {pair.session_id: keys[pair.external_id] for pair in pairs}


def _by_hand(apps: Any) -> _ByHand:
    """Sessions that were added or moved, and events that were added, in the admin."""
    records = apps.get_model("admin", "LogEntry").objects
    sessions = records.filter(_of(apps, "session"), action_flag__in=(_ADDITION, _CHANGE))
    events = records.filter(_of(apps, "event"), action_flag=_ADDITION)
    columns = ("object_id", "action_flag", "change_message")
    return _ByHand(
        {
            int(key)
            for key, flag, message in sessions.values_list(*columns).iterator()
            if flag == _ADDITION or _changes_event(message)
        },
        {int(key) for key in events.values_list("object_id", flat=True)},
    )


def _of(apps: Any, model: str) -> Q:
    types = apps.get_model("contenttypes", "ContentType").objects
    return Q(content_type__in=types.filter(app_label="sessions_app", model=model))


def _changes_event(message: str) -> bool:
    """Whether a log entry of the admin says that somebody chose the session's event."""
    try:
        parts = json.loads(message)
    except ValueError:
        return False  # an announcement, in plain words
    if not isinstance(parts, list):
        return False
    changed = [part.get("changed", {}) for part in parts if isinstance(part, dict)]
    return any("name" not in what and "Event" in what.get("fields", ()) for what in changed)


def _log_moves(moved: list[Pair]) -> None:
    for pair in moved:
        logger.warning(
            "Moved session %r out of the event with the same ID. If that was not a coincidence,"
            " move it back: choose event %d on the page of session %d in the admin.",
            pair.external_id,
            pair.event_id,
            pair.session_id,
        )


def rename_stand_ins(apps: Any) -> None:
    """Makes the IDs of all events unique, as the release before requires.

    A stand-in with the ID of an event gets another ID, so that nobody sees more than before.
    """
    events = apps.get_model("sessions_app", "Event").objects
    real = events.filter(is_stand_in=False)
    for event in events.filter(is_stand_in=True, external_id__in=real.values("external_id")):
        event.external_id = f"{event.pk} stands in for {event.external_id}"[:255]
        event.save(update_fields=["external_id"])
