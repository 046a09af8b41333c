"""Deletion of events and sessions with everything stored about them, however much that is.

Uses short transactions, so that the scorer never waits and the server needs little memory. A
deletion that is interrupted has deleted part of the rows, and can be repeated.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db import transaction
from django.db.models import CASCADE, Count, Max, Min, Model
from django.db.models.deletion import get_candidate_relations_to_delete

from sessions_app.models import EngagementMetric, Event, Session

# Approximate number of metrics deleted by one statement; more than one session has in a day.
STEP_ROWS = 50_000
STEP_TIME = timedelta(days=1)
SESSIONS_AT_ONCE = 500
# Larger numbers are shown as "more than".
COUNTED_ROWS = 1_000_000


class _Span(NamedTuple):
    """The stored metrics of some sessions; both times inclusive."""

    session_ids: list[int]
    first: datetime
    last: datetime


def delete_events(keys: Iterable[int]) -> None:
    """Deletes events and their sessions, by their database keys."""
    for some in _batches(keys):
        sessions = Session.objects.filter(event_id__in=some).order_by("pk")
        delete_sessions(list(sessions.values_list("pk", flat=True)))
        Event.objects.filter(pk__in=some).delete()


def delete_sessions(keys: Iterable[int]) -> None:
    """Deletes sessions, and their stand-ins that are no longer needed."""
    for some in _batches(keys):
        for span in _spans(some):
            EngagementMetric.objects.filter(
                session_id__in=span.session_ids, time__range=(span.first, span.last)
            ).delete()
        with transaction.atomic():
            sessions = Session.objects.filter(pk__in=some)
            stand_ins = list(
                sessions.filter(stand_in__isnull=False).values_list("stand_in", flat=True)
            )
            sessions.delete()
            empty = Event.objects.filter(pk__in=stand_ins, sessions__isnull=True)
            empty.unassigned().delete()


def count_deleted(model: type[Model], keys: Iterable[int]) -> dict[type[Model], int]:
    """Counts the rows that depend on the rows of a model with these keys.

    Returns:
        The count for each model with dependent rows, at most :data:`COUNTED_ROWS` + 1.
    """
    counts: dict[type[Model], int] = {}
    for some in _batches(keys):
        for relation in get_candidate_relations_to_delete(model._meta):
            related: Any = relation.related_model
            if relation.on_delete is not CASCADE or related._meta.auto_created:
                continue
            rows = related._base_manager.filter(**{f"{relation.field.name}__in": some})
            _add(counts, {related: rows.order_by()[: COUNTED_ROWS + 1].count()})
            if _has_dependents(related):
                _add(counts, count_deleted(related, rows.values_list("pk", flat=True)))
    return counts


def _has_dependents(model: type[Model]) -> bool:
    return any(
        relation.on_delete is CASCADE for relation in get_candidate_relations_to_delete(model._meta)
    )


def _add(counts: dict[type[Model], int], more: dict[type[Model], int]) -> None:
    for model, count in more.items():
        if count:
            counts[model] = min(counts.get(model, 0) + count, COUNTED_ROWS + 1)


def _batches(keys: Iterable[int]) -> Iterator[list[int]]:
    remaining = list(keys)
    for start in range(0, len(remaining), SESSIONS_AT_ONCE):
        yield remaining[start : start + SESSIONS_AT_ONCE]


def _spans(session_ids: Sequence[int]) -> Iterator[_Span]:
    """Yields the metrics of these sessions in parts of about :data:`STEP_ROWS`.

    The time range of a part limits the chunks that a hypertable reads.
    """
    found = (
        EngagementMetric.objects.filter(session_id__in=session_ids)
        .values_list("session_id")
        .annotate(first=Min("time"), last=Max("time"), rows=Count("*"))
        .order_by("first")
    )
    together: list[tuple[int, datetime, datetime, int]] = []
    for session in found:
        if session[3] > STEP_ROWS:
            yield from _days(*session[:3])
            continue
        if sum(rows for *_, rows in together) + session[3] > STEP_ROWS:
            yield _joined(together)
            together = []
        together.append(session)
    if together:
        yield _joined(together)


def _joined(sessions: list[tuple[int, datetime, datetime, int]]) -> _Span:
    keys, firsts, lasts, _ = zip(*sessions, strict=True)
    return _Span(list(keys), min(firsts), max(lasts))


def _days(session_id: int, first: datetime, last: datetime) -> Iterator[_Span]:
    while first <= last:
        yield _Span([session_id], first, min(first + STEP_TIME, last))
        first += STEP_TIME
