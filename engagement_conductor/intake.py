"""Which of a tick's events count: not those of sessions that are over, nor of too many new ones."""

import logging

from django.conf import settings

from sessions_app.admission import Limits, excess_sessions
from sessions_app.afterlife import ends_of_strangers, leave_buried, without_sessions
from sessions_app.figures import REFUSED, TickFigures
from sessions_app.merging import TickEvents
from sessions_app.registry import event_keys, live_sessions
from sessions_app.windows import SessionWindows

logger = logging.getLogger(__name__)


def take_in(
    windows: SessionWindows, tick: int, happened: TickEvents, figures: TickFigures
) -> TickEvents:
    """What happened in the tick in sessions that are not over, or that it opens.

    Args:
        windows: of the shard, at the tick before; tombstones note what was heard.
        tick: the one in which it happened.
        happened: in all sessions of the shard.
        figures: what is refused is counted there.
    """
    happened = leave_buried(windows, tick, happened)
    strangers = ends_of_strangers(windows, happened)
    if strangers:
        happened = without_sessions(happened, strangers - live_sessions(strangers))
    limits = Limits.of_shard(settings.MAX_LIVE_SESSIONS, settings.MAX_LIVE_SESSIONS_PER_EVENT)
    excess = excess_sessions(windows, happened.mentions, limits, event_keys)
    if not excess:
        return happened
    admitted = without_sessions(happened, excess)
    refused = len(happened.events) - len(admitted.events)
    figures.add(refused, REFUSED)
    logger.warning("Refused %d events of %d new sessions: too many.", refused, len(excess))
    return admitted
