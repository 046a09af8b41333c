"""Admission of a tick's events: none of ended sessions, nor of new sessions beyond the limits."""

import logging

from django.conf import settings

from sessions_app.events.merging import TickEvents
from sessions_app.state.session_limits import Limits, excess_sessions
from sessions_app.state.session_windows import SessionWindows
from sessions_app.state.tombstones import unknown_ends, without_sessions, without_tombstoned
from sessions_app.storage.sessions import event_keys, live_sessions
from sessions_app.telemetry.counters import AFTER_END, LEFT_OUT, REFUSED, UNKNOWN_END, TickCounters
from sessions_app.telemetry.once_a_minute import log_once_a_minute

logger = logging.getLogger(__name__)


def admit_events(
    windows: SessionWindows, tick: int, tick_events: TickEvents, counters: TickCounters
) -> TickEvents:
    """The tick's events of live sessions, and of those that it opens.

    Args:
        windows: of the shard, at the tick before; tombstones record what was seen.
        tick: of the events.
        tick_events: events of all sessions of the shard.
        counters: count what is refused or left out.

    Raises:
        django.db.Error: the database does not answer.
    """
    everything = len(tick_events.events)
    tick_events = without_tombstoned(windows, tick, tick_events)
    counters.add(everything - len(tick_events.events), LEFT_OUT, AFTER_END)
    unknown = unknown_ends(windows, tick_events)
    if unknown:
        everything = len(tick_events.events)
        tick_events = without_sessions(tick_events, unknown - live_sessions(unknown))
        counters.add(everything - len(tick_events.events), LEFT_OUT, UNKNOWN_END)
    limits = Limits.of_shard(settings.MAX_LIVE_SESSIONS, settings.MAX_LIVE_SESSIONS_PER_EVENT)
    excess = excess_sessions(windows, tick_events.mentions, limits, event_keys)
    if not excess:
        return tick_events
    admitted = without_sessions(tick_events, excess)
    refused = len(tick_events.events) - len(admitted.events)
    counters.add(refused, REFUSED)
    text = "Refused %d events of %d new sessions: too many live sessions."
    log_once_a_minute(logger, logging.WARNING, text, refused, len(excess))
    return admitted
