"""The five-second tick of one shard: read, advance, score, store, publish, broadcast."""

import logging
from collections.abc import Callable

import django.db
import numpy as np
import redis
from django.db import transaction
from numpy.typing import NDArray

from anomalies_app.publication import publish_notices
from anomalies_app.results import AnomalyNotice, decode_changes, encode_changes
from anomalies_app.storage import store_changes
from dashboard.broadcast import (
    broadcast_ended,
    broadcast_notices,
    broadcast_points,
    broadcast_polls,
)
from dashboard.payloads import EndedSession
from dashboard.watching import watched_groups, watched_rows
from engagement_conductor.detection import ShardDetection
from engagement_conductor.intake import take_in
from engagement_conductor.rerouting import reroute
from sessions_app import keys
from sessions_app.advance import (
    Outcome,
    advance,
    choose_identities,
    polled_rows,
    touched_rows,
)
from sessions_app.arrivals import RETENTION_SECONDS
from sessions_app.blocks import NewerBlockError
from sessions_app.connection import events_client, shard_client
from sessions_app.edits import follow_edits
from sessions_app.event_settings import EventSettingsCache
from sessions_app.events import EventKind
from sessions_app.figures import (
    ALERTS,
    DUPLICATES,
    FORGOTTEN,
    FORGOTTEN_VOTERS,
    LOST_TABLES,
    SCORES,
    TOO_LATE,
    UNREADABLE,
    TickFigures,
)
from sessions_app.identity_secret import note_unkeyed_sessions
from sessions_app.log_context import log_context
from sessions_app.lost_tables import LostTableLog
from sessions_app.models import PollMoment, Session
from sessions_app.outages import log_failure
from sessions_app.pauses import PauseCache
from sessions_app.placement import place_sessions
from sessions_app.poll_moments import store_poll_notices
from sessions_app.poll_notices import PollNotice, poll_notices
from sessions_app.publication import publish_updates
from sessions_app.rebuilding import rebuild_windows
from sessions_app.registry import end_sessions, note_signs_of_life
from sessions_app.scoring import score
from sessions_app.shard_store import ShardStore, TickTakenError
from sessions_app.storage import store_metrics
from sessions_app.tick_results import TickResults, UnknownResultsError, metric_rows
from sessions_app.ticks import CATCH_UP_TICKS, TICK_SECONDS, WINDOW_TICKS, tick_end
from sessions_app.windows import SessionWindows, UnknownStateError

logger = logging.getLogger(__name__)

# For each tick anew. As long as this a shard stands still whose worker was killed.
LOCK_SECONDS = 10
# With a tick that only a worker of a later version can read, its workers are waited for that long.
NEWER_WORKER_TICKS = 24
RETENTION_TICKS = RETENTION_SECONDS // TICK_SECONDS
event_settings = EventSettingsCache()
pauses = PauseCache()
lost_tables = LostTableLog()


def score_shard(client: "redis.Redis", shard: int, up_to_tick: int) -> int:
    """Scores every tick of a shard that is missing up to ``up_to_tick``; returns how many.

    A tick that has been scored is never scored again. What fails leaves the tick undone for the
    next call; what has been scored but not stored is stored first.

    Raises:
        redis.RedisError, django.db.Error: a server does not answer.
    """
    lock = shard_client(client, shard).lock(
        keys.shard_lock(shard), timeout=LOCK_SECONDS, blocking=False
    )
    if not lock.acquire():
        return 0
    try:
        with log_context(shard=shard):
            return ShardScorer(client, shard).catch_up(up_to_tick, lock.reacquire)
    finally:
        try:
            lock.release()
        except redis.exceptions.LockError:
            logger.warning("Shard %d took longer than its lock.", shard)


class ShardScorer:
    """Carries one shard's state through the ticks that are due."""

    def __init__(self, client: "redis.Redis", shard: int) -> None:
        self.client = client
        self.shard = shard
        self.node = shard_client(client, shard)
        self.store = ShardStore(self.node, shard)
        self.detection: ShardDetection
        self.figures = TickFigures()

    def catch_up(self, up_to_tick: int, keep_lock: Callable[[], object]) -> int:
        """Scores the missing ticks in order; ``keep_lock`` is called between them."""
        event_settings.refresh()
        pauses.refresh()
        windows = self._load(up_to_tick)
        follow_edits(windows, whole=up_to_tick % WINDOW_TICKS == self.shard % WINDOW_TICKS)
        done = 0
        try:
            while windows.tick < up_to_tick:
                with self.figures.tick():
                    self._skip_idle(windows, up_to_tick)
                    with log_context(tick=windows.tick + 1):
                        self._score_next(windows, up_to_tick)
                done += 1
                if windows.tick < up_to_tick:
                    keep_lock()
        except (NewerBlockError, TickTakenError, redis.exceptions.LockError) as error:
            logger.info("Left to the next call: %s.", error)
        finally:
            self.store.abandon()
            self._save_figures()
        return done

    def _save_figures(self) -> None:
        """Best effort: nothing depends on them."""
        try:
            self.figures.save(self.client)
        except redis.RedisError as error:
            log_failure(logger, "Figures are lost", error)

    def _skip_idle(self, windows: SessionWindows, up_to_tick: int) -> None:
        """Jumps to the last due tick if the shard has no sessions and nothing happens before."""
        due = range(windows.tick + 1, up_to_tick + 1)
        if not len(windows) and self.store.begin(due):
            windows.tick = up_to_tick - 1
        else:
            self.store.begin(due[:1])

    def _load(self, up_to_tick: int) -> SessionWindows:
        scored, stored, detector, outbox = self.store.load()
        if scored is not None and outbox:
            self._flush_outbox(scored, outbox)
        if scored is None:
            # All that may have been collected before the very first tick.
            first = up_to_tick - RETENTION_TICKS
            self.detection = ShardDetection(None, first)
            return SessionWindows(tick=first)
        windows = SessionWindows(tick=scored)
        if stored is not None:
            try:
                windows = SessionWindows.from_bytes(stored)
            except UnknownStateError as error:
                logger.warning("Shard %d is rebuilt from the metrics: %s.", self.shard, error)
                windows = rebuild_windows(self.store, scored)
        oldest = up_to_tick - CATCH_UP_TICKS
        if windows.tick < oldest:
            if len(windows):
                logger.warning(
                    "Shard %d skips ticks %d to %d.", self.shard, windows.tick + 1, oldest
                )
            windows.skip_to(oldest)
        self.detection = ShardDetection(detector, windows.tick)
        return windows

    def _flush_outbox(self, scored: int, outbox: bytes) -> None:
        try:
            self._flush(TickResults.from_bytes(outbox))
        except UnknownResultsError as error:
            logger.error("Shard %d loses a tick that was not stored: %s.", self.shard, error)
            self.store.clear_outbox(scored)

    def _score_next(self, windows: SessionWindows, up_to_tick: int) -> None:
        tick = windows.tick + 1
        with self.figures.stage("read"):
            happened = self.store.read_events(tick, up_to_tick - tick < NEWER_WORKER_TICKS)
            happened = take_in(windows, tick, happened, self.figures)
            known = len(windows)
            rows = place_sessions(windows, happened.mentions, tick)
            events = choose_identities(windows, happened.events, rows, known)
            touched, seen = self.store.read_tables(
                windows.rows["session_id"], touched_rows(events, rows), polled_rows(events, rows)
            )
        forgotten = int(windows.rows["forgotten"].sum())
        with self.figures.stage("advance"):
            outcome = advance(windows, tick, events, rows, touched, seen)
        # Sessions that are over take theirs along.
        self.figures.add(max(0, int(windows.rows["forgotten"].sum()) - forgotten), FORGOTTEN)
        session_ids = windows.rows["session_id"].copy()
        note_all = tick % WINDOW_TICKS == self.shard % WINDOW_TICKS
        if note_all and windows.rows["unkeyed"].any():
            note_unkeyed_sessions(self.client)
        with self.figures.stage("score"):
            polls = poll_notices(outcome.poll_moments, session_ids, happened.polls)
            results = score_windows(windows, outcome, self.detection, note_all, polls)
        self.figures.add_stage("detect", self.detection.seconds)
        with self.figures.stage("commit"):
            self.store.commit(windows, outcome, results, session_ids, self.detection.to_bytes())
        self._count(events, outcome, results)
        self._flush(results)

    def _count(self, events: NDArray[np.void], outcome: Outcome, results: TickResults) -> None:
        add = self.figures.add
        add(len(results.metrics), SCORES)
        arrivals = self.store.arrivals
        add(arrivals.redelivered, DUPLICATES, "redelivered")
        add(arrivals.too_late, TOO_LATE)
        add(len(arrivals.unreadable), UNREADABLE, "block")
        add(arrivals.unknown_strays, UNREADABLE, "strays")
        if arrivals.unreadable:
            logger.error(
                "Set aside %d blocks of events that cannot be read: %s.",
                len(arrivals.unreadable),
                keys.unreadable_blocks(self.shard),
            )
        counted = {EventKind.CHAT: outcome.counts.chat_count}
        counted[EventKind.REACTION] = outcome.counts.reaction_count
        add(outcome.forgotten_voters, FORGOTTEN_VOTERS)
        for table in outcome.lost:
            add(1, LOST_TABLES, table.kind)
        lost_tables.report(self.shard, outcome.lost)
        for kind, counts in counted.items():
            add(int((events["kind"] == kind).sum() - counts.sum()), DUPLICATES, kind.name.lower())

    def _flush(self, results: TickResults) -> None:
        """Stores and publishes a tick's results, then forgets them."""
        if results.is_empty:
            return
        time = tick_end(results.tick)
        changes = decode_changes(results.attached) if results.attached else []
        event_ids = [change.event_id for change in changes]
        event_settings.ensure(np.append(results.metrics["event_id"], event_ids).astype(np.int64))
        with self.figures.stage("store"), transaction.atomic():
            store_metrics(results.metrics, results.tick)
            note_signs_of_life(results.heard_of, time)
            moments = store_poll_notices(results.polls, time)
            notices = store_changes(changes, event_settings.external_ids)
            end_sessions(results.ended, time)
        with self.figures.stage("publish"):
            publish_updates(self.node, results.points(event_settings.external_ids))
            publish_notices(events_client(self.client), notices)
        for notice in notices:
            self.figures.add(1, ALERTS, notice.change, notice.type, notice.severity)
            with log_context(session=notice.external_id, anomaly=str(notice.id)):
                logger.info("Alert %s: %s %s.", notice.change, notice.severity, notice.type)
        with self.figures.stage("broadcast"):
            self._broadcast(results, notices, moments)
        self.store.clear_outbox(results.tick)
        logger.debug("Scored %d sessions, %d are over.", len(results.metrics), len(results.ended))

    def _broadcast(
        self, results: TickResults, notices: list[AnomalyNotice], moments: list[PollMoment]
    ) -> None:
        """Best effort: a screen that misses a tick gets the next one, and asks for the hole."""
        try:
            watched = watched_groups(self.client)
            results, notices = reroute(results, notices)
            rows = np.flatnonzero(watched_rows(results.metrics, watched)).tolist()
            if rows:
                points = [*results.points(event_settings.external_ids, rows)]
                kinds = pauses.kinds(tick_end(results.tick))
                broadcast_points(points, watched, kinds, event_settings.settings_of)
            if moments:
                broadcast_polls(moments, watched)
            if notices:
                broadcast_notices(notices, watched)
            if results.ended:
                broadcast_ended(_ended_sessions(results), watched)
        except (redis.RedisError, django.db.Error, OSError) as error:
            log_failure(logger, "Ticks did not reach the screens", error)


def score_windows(
    windows: SessionWindows,
    outcome: Outcome,
    detection: ShardDetection,
    note_all: bool,
    polls: list[PollNotice],
) -> TickResults:
    """Scores and judges the sessions of a tick, and drops those that are over.

    Args:
        windows: after the tick.
        outcome: of the tick.
        detection: after the tick before; changed in place.
        note_all: whether the last signs of life are due to be stored.
        polls: what the tick was to which poll.
    """
    event_ids = windows.rows["event_id"].copy()
    event_settings.ensure(event_ids)
    signals = outcome.signals(windows)
    weights = event_settings.settings_for(event_ids)
    scores = score(signals, weights)
    wanted = event_settings.detection_settings_for(event_ids)
    muted = windows.over_rows() | windows.recovering_rows()
    muted |= pauses.muted(windows.rows["session_id"], tick_end(windows.tick))
    changes = detection.step(windows, signals, scores, muted, weights, wanted)
    session_ids, scored = windows.rows["session_id"].copy(), ~windows.unscored_rows()
    metrics = metric_rows(session_ids, event_ids, scores, signals, outcome.counts)
    external_ids = windows.external_ids
    if not scored.all():
        metrics = metrics[scored]
        external_ids = [external_ids[row] for row in np.flatnonzero(scored).tolist()]
    recent = windows.rows["last_seen"] > windows.tick - WINDOW_TICKS
    return TickResults(
        windows.tick,
        list(external_ids),
        metrics,
        session_ids[recent].tolist() if note_all else [],
        windows.remove_over().tolist(),
        polls,
        encode_changes(changes) if changes else b"",
    )


def _ended_sessions(results: TickResults) -> list[EndedSession]:
    sessions = Session.objects.filter(pk__in=results.ended)
    time = tick_end(results.tick)
    return [
        EndedSession(key, event_id, ended_at or time)
        for key, event_id, ended_at in sessions.values_list("pk", "event_id", "ended_at")
    ]
