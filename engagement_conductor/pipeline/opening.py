"""Opens a shard: loads its state after the last tick, and repairs what has happened since."""

import logging
from typing import NamedTuple

import numpy as np

from anomalies_app.shards.shard_detector import ShardDetection
from engagement_conductor.pipeline.delivery import deliver_waiting
from engagement_conductor.pipeline.turn import Turn
from sessions_app.ingest.delivery import RETENTION_SECONDS
from sessions_app.ingest.identity_secret import may_be_unkeyed, note_old_worker
from sessions_app.redis_access import keys
from sessions_app.shards.misplaced_keys import set_misplaced_aside
from sessions_app.shards.recovery import last_stored_tick, rebuild_windows
from sessions_app.shards.rekeying import rekey_sessions
from sessions_app.shards.remedies import DETECTOR, WINDOWS
from sessions_app.shards.shard_store import StoredShard
from sessions_app.state.session_windows import VERSION, SessionWindows, UnknownStateError
from sessions_app.telemetry.counters import REKEYED
from sessions_app.telemetry.shard_conditions import one_line
from sessions_app.ticks import CATCH_UP_TICKS, TICK_SECONDS

logger = logging.getLogger(__name__)

RETENTION_TICKS = RETENTION_SECONDS // TICK_SECONDS


class Skipped(NamedTuple):
    """Ticks that are not scored, and their number of events."""

    ticks: range
    events: int


class OpenShard(NamedTuple):
    """The state of a shard after its last tick.

    Attributes:
        windows: of its sessions.
        detection: the detector's state of them.
        skipped: ticks too old to be scored; None if there are none, or if nothing is lost by
            skipping them.
    """

    windows: SessionWindows
    detection: ShardDetection
    skipped: Skipped | None = None


def open_shard(turn: Turn, up_to_tick: int) -> OpenShard:
    """The shard as stored, or rebuilt from the metrics; a waiting outbox is delivered first.

    Raises:
        redis.RedisError, django.db.Error, OSError: a server does not answer.
    """
    stored = _load(turn)
    known = _decoded(turn, stored.windows)
    scored = stored.scored
    if scored is None:
        scored = _recovered_tick(turn, known, stored.outbox, up_to_tick)
    if scored is None:
        # Everything that may have been collected before the very first tick.
        first = up_to_tick - RETENTION_TICKS
        return OpenShard(SessionWindows(tick=first), ShardDetection(None, first))
    if stored.outbox:
        deliver_waiting(turn, scored, stored.outbox, "" if known is None else known.epoch)
        turn.begin("load")
    windows = _rebuilt(turn, scored) if known is None else known
    skipped = _skip(turn, windows, range(windows.tick + 1, up_to_tick - CATCH_UP_TICKS + 1))
    detection = ShardDetection(stored.detector, windows.tick)
    if detection.unreadable:
        key = keys.shard_detector(turn.shard)
        turn.set_state_aside(key, DETECTOR, detection.unreadable)
    if len(windows) and windows.epoch != turn.caches.recent_epoch():
        look_up_sessions(turn, windows, detection)
    return OpenShard(windows, detection, skipped)


def look_up_sessions(turn: Turn, windows: SessionWindows, detection: ShardDetection) -> None:
    """Gives all sessions their current database keys."""
    turn.begin("rekey")
    epoch = turn.caches.current_epoch()
    changed = rekey_sessions(windows)
    windows.epoch = epoch
    if not len(changed):
        return
    turn.store.drop_tables(changed)
    detection.forget(changed)
    rekeyed = int(np.isin(windows.rows["session_id"], changed).sum())
    turn.uncommitted.add(rekeyed, REKEYED)
    logger.warning("Shard %d: the keys of %d sessions have changed.", turn.shard, len(changed))


def _load(turn: Turn) -> StoredShard:
    turn.begin("load")
    stored = turn.store.load()
    if stored.has_misplaced:
        set_misplaced_aside(turn.client, turn.node, turn.shard)
        stored = turn.store.load()
    return stored


def _decoded(turn: Turn, stored: bytes | None) -> SessionWindows | None:
    """The windows; None if there are none, or if they cannot be read."""
    if stored is None:
        return None
    try:
        windows = SessionWindows.from_bytes(stored)
    except UnknownStateError as error:
        turn.set_state_aside(keys.shard_windows(turn.shard), WINDOWS, one_line(error))
        return None
    if windows.version != VERSION:
        note_old_worker(turn.client)
    return windows


def _recovered_tick(
    turn: Turn, known: SessionWindows | None, outbox: bytes | None, up_to_tick: int
) -> int | None:
    """The last scored tick of a shard that has lost its number; None if it cannot be found."""
    if known is not None:
        tick: int | None = known.tick
    else:
        if outbox:
            deliver_waiting(turn, 0, outbox, "")
            turn.begin("load")
        tick = last_stored_tick(turn.shard, up_to_tick - RETENTION_TICKS)
    if tick is not None:
        turn.store.restore_scored(tick)
        logger.warning("Shard %d had lost the number of its last tick, %d.", turn.shard, tick)
    return tick


def _rebuilt(turn: Turn, scored: int) -> SessionWindows:
    """The windows, rebuilt from the database."""
    epoch = turn.caches.current_epoch()
    windows = rebuild_windows(turn.store, scored, may_be_unkeyed(turn.client))
    windows.epoch = epoch
    if len(windows):
        logger.warning(
            "Shard %d is rebuilt from the metrics: %d sessions.", turn.shard, len(windows)
        )
    return windows


def _skip(turn: Turn, windows: SessionWindows, ticks: range) -> Skipped | None:
    """Skips ticks that are too old to be scored; returns what is lost with them."""
    if not ticks:
        return None
    # The events of earlier ones have expired.
    kept = ticks[max(0, len(ticks) - RETENTION_TICKS) :]
    events = turn.store.arrivals.waiting_events(kept)
    was_empty = not len(windows)
    windows.skip_to(ticks[-1])
    return None if was_empty and not events else Skipped(ticks, events)
