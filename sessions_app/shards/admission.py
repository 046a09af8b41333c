"""Which of a tick's events count: not those of sessions that are over, nor of too many new ones."""

import logging

from django.conf import settings

from sessions_app.events.merging import TickEvents
from sessions_app.state.session_limits import Limits, excess_sessions
from sessions_app.state.session_windows import SessionWindows
from sessions_app.state.tombstones import ends_of_strangers, leave_buried, without_sessions
from sessions_app.storage.sessions import event_keys, live_sessions
from sessions_app.telemetry.counters import AFTER_END, LEFT_OUT, REFUSED, UNKNOWN_END, TickFigures
from sessions_app.telemetry.once_a_minute import log_once_a_minute

logger = logging.getLogger(__name__)


def take_in(
    windows: SessionWindows, tick: int, happened: TickEvents, figures: TickFigures
) -> TickEvents:
    """What happened in the tick in sessions that are not over, or that it opens.

    Args:
        windows: of the shard, at the tick before; tombstones note what was heard.
        tick: the one in which it happened.
        happened: in all sessions of the shard.
        figures: what is refused or left out is counted there.

    Raises:
        django.db.Error: the database does not answer.
    """
    everything = len(happened.events)
    happened = leave_buried(windows, tick, happened)
    figures.add(everything - len(happened.events), LEFT_OUT, AFTER_END)
    strangers = ends_of_strangers(windows, happened)
    if strangers:
        everything = len(happened.events)
        happened = without_sessions(happened, strangers - live_sessions(strangers))
        figures.add(everything - len(happened.events), LEFT_OUT, UNKNOWN_END)
    limits = Limits.of_shard(settings.MAX_LIVE_SESSIONS, settings.MAX_LIVE_SESSIONS_PER_EVENT)
    excess = excess_sessions(windows, happened.mentions, limits, event_keys)
    if not excess:
        return happened
    admitted = without_sessions(happened, excess)
    refused = len(happened.events) - len(admitted.events)
    figures.add(refused, REFUSED)
    text = "Refused %d events of %d new sessions: too many."
    log_once_a_minute(logger, logging.WARNING, text, refused, len(excess))
    return admitted
