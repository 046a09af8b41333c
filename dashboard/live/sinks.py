"""What the open pages are sent of each part of a tick's outcome."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
import numpy as np
import redis
from celery.exceptions import SoftTimeLimitExceeded
from numpy.typing import NDArray

from anomalies_app.records import AnomalyChange
from dashboard.live.broadcast import (
    broadcast_changes,
    broadcast_ended,
    broadcast_points,
    broadcast_polls,
)
from dashboard.live.subscriptions import WatchedGroups, watched_groups
from dashboard.pages.payloads import EndedSession
from sessions_app.control.edits import events_of_edited
from sessions_app.control.event_settings_cache import EventSettingsCache
from sessions_app.control.pause_cache import PauseCache
from sessions_app.models import PollMoment, Session
from sessions_app.outcomes.outbox import ANOMALIES, ENDS, METRICS, POLLS
from sessions_app.state.tick_metrics import TickMetrics
from sessions_app.telemetry.outages import is_outage
from sessions_app.ticks import tick_end


@dataclass
class Screens:
    """The open pages, and what is needed beside the parts to show them.

    Attributes:
        tick: the one that was scored.
        watched: the groups with an open page.
        events: by key of a session that was moved since the tick: the key of its event.
        event_settings: the settings of the events.
        pauses: the pauses of the sessions.
    """

    tick: int
    watched: WatchedGroups
    events: dict[int, int]
    event_settings: EventSettingsCache
    pauses: PauseCache

    @property
    def time(self) -> datetime:
        """The end of the tick."""
        return tick_end(self.tick)


def show(
    client: "redis.Redis",
    tick: int,
    stored: dict[str, Any],
    event_settings: EventSettingsCache,
    pauses: PauseCache,
    is_current: bool,
) -> None:
    """Sends the open pages what was stored, each session in the event that it belongs to now.

    Args:
        client: of the server of ``REDIS_URL``.
        tick: the one that was scored.
        stored: by name of a part: what it has stored. Parts that no page shows are ignored.
        event_settings: of the worker.
        pauses: of the worker.
        is_current: whether the event of each session has just been looked up.

    Raises:
        django.db.Error, redis.RedisError, OSError: a server does not answer.
        Exception: what a sink failed with otherwise, once all the others were told.
    """
    watched = watched_groups(client)
    if not any(watched):
        return
    events = {} if is_current else events_of_edited(tick_end(tick))
    screens = Screens(tick, watched, events, event_settings, pauses)
    faults: list[Exception] = []
    for name, sink in SINKS.items():
        if name not in stored:
            continue
        try:
            sink(stored[name], screens)
        except Exception as error:
            # Without a server, the others would only lose time.
            if isinstance(error, SoftTimeLimitExceeded) or is_outage(error):
                raise
            faults.append(error)
    if faults:
        raise faults[0] if len(faults) == 1 else ExceptionGroup("several sinks failed", faults)


def _show_metrics(metrics: TickMetrics, screens: Screens) -> None:
    if screens.events:
        rows = metrics.rows.copy()
        for row in np.flatnonzero(np.isin(rows["session_id"], [*screens.events])).tolist():
            rows["event_id"][row] = screens.events[int(rows["session_id"][row])]
        metrics = metrics._replace(rows=rows)
        screens.event_settings.ensure(rows["event_id"])
    shown = _watched_rows(metrics.rows, screens.watched)
    if shown:
        settings = screens.event_settings
        points = [*metrics.points(screens.tick, settings.external_ids, shown)]
        kinds = screens.pauses.kinds(screens.time)
        broadcast_points(points, screens.watched, kinds, settings.settings_of)


def _watched_rows(rows: NDArray[np.void], watched: WatchedGroups) -> list[int]:
    """The positions of the metrics that are on an open page."""
    if watched.all_events:
        return [*range(len(rows))]
    sessions = np.isin(rows["session_id"], list(watched.session_ids))
    events = np.isin(rows["event_id"], list(watched.event_ids))
    return np.flatnonzero(sessions | events).tolist()


def _show_polls(moments: list[PollMoment], screens: Screens) -> None:
    broadcast_polls(moments, screens.watched)


def _show_anomalies(changes: list[AnomalyChange], screens: Screens) -> None:
    current = [
        msgspec.structs.replace(
            change, event_id=screens.events.get(change.session_id, change.event_id)
        )
        for change in changes
    ]
    broadcast_changes(current, screens.watched)


def _show_ends(session_ids: list[int], screens: Screens) -> None:
    sessions = Session.objects.filter(pk__in=session_ids)
    ended = [
        EndedSession(key, event_id, ended_at or screens.time)
        for key, event_id, ended_at in sessions.values_list("pk", "event_id", "ended_at")
    ]
    broadcast_ended(ended, screens.watched)


# By the name of the part.
SINKS: dict[str, Callable[[Any, Screens], None]] = {
    METRICS: _show_metrics,
    POLLS: _show_polls,
    ANOMALIES: _show_anomalies,
    ENDS: _show_ends,
}
