"""Screens are told by the event that a session belongs to now, not when its tick was scored."""

from datetime import datetime

import msgspec
import numpy as np
from django.utils import timezone

from anomalies_app.notices import AnomalyNotice
from sessions_app.control.edits import HORIZON
from sessions_app.models import Session
from sessions_app.state.tick_results import TickResults
from sessions_app.ticks import tick_end


def reroute(
    results: TickResults, notices: list[AnomalyNotice]
) -> tuple[TickResults, list[AnomalyNotice]]:
    """Results and notices for the screens, of sessions that were moved since the tick, too.

    A tick may be told long after it was scored, and an admin moves sessions at any time.

    Raises:
        django.db.Error: the database does not answer.
    """
    events = _events_of_edited(tick_end(results.tick))
    if not events:
        return results, notices
    metrics = results.metrics.copy()
    for row in np.flatnonzero(np.isin(metrics["session_id"], [*events])).tolist():
        metrics["event_id"][row] = events[int(metrics["session_id"][row])]
    return results._replace(metrics=metrics), [
        msgspec.structs.replace(notice, event_id=events.get(notice.session_id, notice.event_id))
        for notice in notices
    ]


def _events_of_edited(time: datetime) -> dict[int, int]:
    """The event of each session that was edited since ``time`` or shortly before, by keys."""
    since = min(timezone.now(), time) - HORIZON
    edited = Session.objects.filter(edited_at__gte=since)
    return dict(edited.values_list("pk", "event_id"))
