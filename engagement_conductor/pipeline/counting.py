"""Counts what a tick has scored, refused, lost and left out."""

import logging

import numpy as np
from numpy.typing import NDArray

from engagement_conductor.pipeline.opening import Skipped
from engagement_conductor.pipeline.turn import Turn
from sessions_app.events.decoding import EventKind
from sessions_app.outcomes.outbox import METRICS, Outcome
from sessions_app.redis_access import keys
from sessions_app.state.tick_update import TickUpdate
from sessions_app.telemetry.counters import (
    DUPLICATES,
    FORGOTTEN,
    FORGOTTEN_POLLS,
    FORGOTTEN_VOTERS,
    LEFT_OUT,
    LOST_TABLES,
    POLL_CLOSED,
    SCORES,
    SKIPPED,
    TOO_LATE,
    UNREADABLE,
)
from sessions_app.telemetry.once_a_minute import log_once_a_minute

logger = logging.getLogger(__name__)


def count_tick(
    turn: Turn,
    events: NDArray[np.void],
    update: TickUpdate,
    outcome: Outcome,
) -> None:
    """Counts a tick that has been committed.

    Args:
        events: those that were read.
        update, outcome: of the tick.
    """
    add = turn.counters.add
    turn.uncommitted.add(max(0, update.forgotten_users), FORGOTTEN)
    turn.counters.add_all(turn.uncommitted)
    add(len(outcome.values[METRICS].rows) if METRICS in outcome.values else 0, SCORES)
    arrivals = turn.store.arrivals
    add(arrivals.redelivered, DUPLICATES, "redelivered")
    add(arrivals.too_late, TOO_LATE)
    add(len(arrivals.unreadable), UNREADABLE, "block")
    add(len(arrivals.unknown_strays), UNREADABLE, "strays")
    if unreadable := len(arrivals.unreadable) + len(arrivals.unknown_strays):
        text = "Set aside %d blocks or lists of entries that cannot be read: %s."
        place = keys.unreadable_blocks(turn.shard)
        log_once_a_minute(logger, logging.ERROR, text, unreadable, place)
    add(update.forgotten_voters, FORGOTTEN_VOTERS)
    add(update.forgotten_polls, FORGOTTEN_POLLS)
    add(update.late_votes, LEFT_OUT, POLL_CLOSED)
    for table in update.lost:
        add(1, LOST_TABLES, table.kind)
    turn.caches.lost_tables.report(turn.shard, update.lost)
    counted = {
        EventKind.CHAT: update.counts.chat_count,
        EventKind.REACTION: update.counts.reaction_count,
    }
    for kind, counts in counted.items():
        add(int((events["kind"] == kind).sum() - counts.sum()), DUPLICATES, kind.name.lower())


def count_skipped(turn: Turn, skipped: Skipped) -> None:
    """Counts and logs ticks that will never be scored."""
    ticks, events = skipped
    turn.counters.add(len(ticks), SKIPPED, "ticks")
    turn.counters.add(events, SKIPPED, "events")
    logger.warning(
        "Shard %d skips ticks %d to %d: their %d events are not counted.",
        turn.shard,
        ticks[0],
        ticks[-1],
        events,
    )
