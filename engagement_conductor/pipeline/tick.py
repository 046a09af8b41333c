"""The five-second tick of one shard: read, advance, score, store, publish, broadcast."""

import logging
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

import msgspec
import numpy as np
import redis
from celery.exceptions import SoftTimeLimitExceeded
from django.db import transaction
from numpy.typing import NDArray

from anomalies_app.notices import AnomalyNotice, EpisodeChange, decode_changes, encode_changes
from anomalies_app.publication import publish_notices
from anomalies_app.shards.shard_detector import ShardDetection
from anomalies_app.storage import store_changes
from dashboard.live.broadcast import (
    broadcast_ended,
    broadcast_notices,
    broadcast_points,
    broadcast_polls,
)
from dashboard.live.subscriptions import watched_groups, watched_rows
from dashboard.pages.payloads import EndedSession
from engagement_conductor.pipeline.rerouting import reroute
from sessions_app.control.edits import follow_edits
from sessions_app.control.event_settings_cache import EventSettingsCache
from sessions_app.control.pause_cache import PauseCache
from sessions_app.events.blocks import Mention, NewerBlockError
from sessions_app.events.decoding import EventKind
from sessions_app.ingest.delivery import RETENTION_SECONDS
from sessions_app.ingest.identity_secret import (
    may_be_unkeyed,
    note_old_worker,
    note_unkeyed_sessions,
)
from sessions_app.models import PollMoment, Session
from sessions_app.publication import publish_updates
from sessions_app.redis_access import keys
from sessions_app.redis_access.client import events_client, shard_client
from sessions_app.redis_access.renewed_lock import RenewedLock
from sessions_app.scoring.score import score
from sessions_app.shards.admission import take_in
from sessions_app.shards.database_epochs import RecentEpoch
from sessions_app.shards.lost_tables import LostTableLog
from sessions_app.shards.misplaced_keys import set_endless_lock_aside, set_misplaced_aside
from sessions_app.shards.piecewise import BadPiece, Pieces
from sessions_app.shards.placement import place_sessions
from sessions_app.shards.quarantine import keep_pieces, set_aside_key, tell_set_aside
from sessions_app.shards.readdressing import readdress
from sessions_app.shards.recovery import last_stored_tick, rebuild_windows
from sessions_app.shards.rekeying import find_sessions, rekey_sessions
from sessions_app.shards.remedies import (
    DETECTOR,
    OUTBOX,
    STORE,
    WINDOWS,
    apply_remedy,
    is_piecewise,
)
from sessions_app.shards.shard_store import ShardStore, TickTakenError
from sessions_app.state.poll_notices import PollNotice, poll_notices
from sessions_app.state.session_windows import VERSION, SessionWindows, UnknownStateError
from sessions_app.state.tick_results import TickResults, UnknownResultsError, metric_rows
from sessions_app.state.tick_update import (
    Outcome,
    advance,
    choose_identities,
    polled_rows,
    touched_rows,
)
from sessions_app.storage.metrics import store_metrics
from sessions_app.storage.polls import store_poll_notices
from sessions_app.storage.sessions import end_sessions, note_signs_of_life
from sessions_app.telemetry.counters import (
    ALERTS,
    DUPLICATES,
    FORGOTTEN,
    FORGOTTEN_POLLS,
    FORGOTTEN_VOTERS,
    LEFT_OUT,
    LOST_TABLES,
    MISSED_BROADCASTS,
    POLL_CLOSED,
    REKEYED,
    SCORES,
    SESSION_GONE,
    SKIPPED,
    TOO_LATE,
    UNREADABLE,
    TickFigures,
)
from sessions_app.telemetry.log_context import log_context
from sessions_app.telemetry.once_a_minute import log_once_a_minute
from sessions_app.telemetry.outages import is_outage, log_failure
from sessions_app.telemetry.shard_conditions import Failure, begin_work, end_work, one_line
from sessions_app.ticks import CATCH_UP_TICKS, TICK_SECONDS, WINDOW_TICKS, tick_end

logger = logging.getLogger(__name__)

# As long as this a shard stands still whose worker was killed; while one works, it is renewed.
LOCK_SECONDS = 10
# With a tick that only a worker of a later version can read, its workers are waited for that long.
NEWER_WORKER_TICKS = 24
RETENTION_TICKS = RETENTION_SECONDS // TICK_SECONDS
# Edits reach a shard within this time also while it catches up.
EDITS_SECONDS = 1.0
event_settings = EventSettingsCache()
pauses = PauseCache()
lost_tables = LostTableLog()


class ShardFailedError(Exception):
    """A shard could not be scored, and no server is to blame.

    Attributes:
        stage: of the tick, in which it failed.
        tick: that was to be scored next.
    """

    def __init__(self, stage: str, tick: int) -> None:
        super().__init__(f"{stage}, tick {tick}")
        self.stage = stage
        self.tick = tick


def score_shard(
    client: "redis.Redis",
    shard: int,
    up_to_tick: int,
    seconds: float = math.inf,
    failure: Failure | None = None,
    epochs: RecentEpoch | None = None,
) -> int:
    """Scores every tick of a shard that is missing up to ``up_to_tick``; returns how many.

    A tick that has been scored is never scored again. What fails leaves the tick undone for the
    next call; what has been scored but not stored is stored first.

    Args:
        seconds: after which no other tick is begun.
        failure: how the shard has failed of late; what is said to fail is set aside in time.
        epochs: that of the shards scored just before; by default it is looked up.

    Raises:
        redis.RedisError, django.db.Error, OSError: a server does not answer.
        ShardFailedError: anything else, from what it was.
    """
    lock = RenewedLock(shard_client(client, shard), keys.shard_lock(shard), LOCK_SECONDS)
    if not lock.acquire():
        set_endless_lock_aside(client, shard_client(client, shard), shard)
        return 0
    scorer = ShardScorer(client, shard, lock, epochs)
    try:
        with log_context(shard=shard), _noting_work(client, shard, scorer):
            if failure is not None:
                set_misplaced_aside(client, scorer.node, shard)
                # What fails meanwhile is another failure of the same kind.
                scorer.stage, scorer.tick = failure.stage, failure.tick
                apply_remedy(client, shard, failure)
                scorer.is_piecewise = is_piecewise(failure)
            return scorer.catch_up(up_to_tick, lock.check, seconds)
    except Exception as error:
        if is_outage(error):
            raise
        raise ShardFailedError(scorer.stage, scorer.tick) from error
    finally:
        if not lock.release():
            logger.warning("Shard %d took longer than its lock.", shard)


@contextmanager
def _noting_work(client: "redis.Redis", shard: int, scorer: "ShardScorer") -> Iterator[None]:
    """Notes who is at work, and how long a tick took, unless a server made it wait."""
    before = begin_work(client, shard)
    began, seconds = time.monotonic(), None
    try:
        yield
        if scorer.done:
            seconds = (time.monotonic() - began) / scorer.done
    except Exception as error:
        if not is_outage(error):
            seconds = time.monotonic() - began
        raise
    finally:
        end_work(client, shard, seconds, before)


class Skipped(NamedTuple):
    """Ticks that are left out, and how many events of theirs are kept."""

    ticks: range
    events: int


class ShardScorer:
    """Carries one shard's state through the ticks that are due.

    Args:
        client: of the server of ``REDIS_URL``.
        shard: its number.
        lock: that is held meanwhile; without it no step is left out that it has run out for.
        epochs: see :func:`score_shard`.

    Attributes:
        done: how many ticks have been scored.
        stage: what it is at.
        tick: the one that it is at.
        is_piecewise: whether to store results in pieces, so that one that cannot be costs only
            itself.
    """

    def __init__(
        self,
        client: "redis.Redis",
        shard: int,
        lock: RenewedLock | None = None,
        epochs: RecentEpoch | None = None,
    ) -> None:
        self.client = client
        self.shard = shard
        self.node = shard_client(client, shard)
        self.store = ShardStore(self.node, shard)
        self.detection: ShardDetection
        self.figures = TickFigures()
        # What will not happen again once the next tick is committed.
        self._uncommitted = TickFigures()
        self.done = 0
        self.stage = ""
        self.tick = 0
        self.is_piecewise = False
        self._lock = lock
        self._epochs = epochs or RecentEpoch(client)
        self._followed_at = -math.inf
        self._skipped: Skipped | None = None

    def catch_up(
        self, up_to_tick: int, keep_lock: Callable[[], object], seconds: float = math.inf
    ) -> int:
        """Scores the missing ticks in order; ``keep_lock`` is called between them.

        Args:
            seconds: after which no other tick is begun.
        """
        give_up_at = time.monotonic() + seconds
        self.tick = up_to_tick
        self._begin("edits")
        event_settings.refresh()
        pauses.refresh()
        try:
            windows = self._load(up_to_tick)
            whole = up_to_tick % WINDOW_TICKS == self.shard % WINDOW_TICKS
            self._follow_edits(windows, whole)
            while windows.tick < up_to_tick:
                with self.figures.tick():
                    self._skip_idle(windows, up_to_tick)
                    with log_context(tick=windows.tick + 1):
                        self._score_next(windows, up_to_tick)
                self.done += 1
                if windows.tick < up_to_tick:
                    keep_lock()
                    if time.monotonic() >= give_up_at:
                        break
                    self._follow_edits(windows)
        except (NewerBlockError, TickTakenError, redis.exceptions.LockError) as error:
            logger.info("Left to the next call: %s.", error)
        finally:
            self.store.abandon()
            self._save_figures()
        return self.done

    def _begin(self, stage: str) -> None:
        """Goes on to a stage, unless somebody else may be at the shard by now."""
        self.stage = stage
        if self._lock is not None:
            self._lock.check()

    @contextmanager
    def _measured(self, stage: str) -> Iterator[None]:
        self._begin(stage)
        with self.figures.stage(stage):
            yield

    def _follow_edits(self, windows: SessionWindows, whole: bool = False) -> None:
        """Takes over what was edited; at most once a second."""
        if self._has_just_followed_edits():
            return
        self._begin("edits")
        began = time.monotonic()
        follow_edits(windows, whole)
        self._followed_at = began
        if not windows.epoch and len(windows):
            self._look_up_sessions(windows)

    def _has_just_followed_edits(self) -> bool:
        return time.monotonic() - self._followed_at < EDITS_SECONDS

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
        self._begin("load")
        shard = self.store.load()
        if shard.has_misplaced:
            set_misplaced_aside(self.client, self.node, self.shard)
            shard = self.store.load()
        scored, stored, detector, outbox, _ = shard
        known = self._decoded(stored)
        if scored is None:
            scored = self._recovered_tick(known, outbox, up_to_tick)
        if scored is None:
            # All that may have been collected before the very first tick.
            first = up_to_tick - RETENTION_TICKS
            self.detection = ShardDetection(None, first)
            return SessionWindows(tick=first)
        if outbox:
            self._flush_outbox(scored, outbox, "" if known is None else known.epoch)
            self._begin("load")
        windows = self._rebuilt(scored) if known is None else known
        oldest = up_to_tick - CATCH_UP_TICKS
        skipped = range(windows.tick + 1, oldest + 1)
        if skipped:
            self._skipped = self._skip(windows, skipped)
        self.detection = ShardDetection(detector, windows.tick)
        if self.detection.unreadable:
            reason = self.detection.unreadable
            self._set_state_aside(keys.shard_detector(self.shard), DETECTOR, reason)
        if len(windows) and windows.epoch != self._known(self._epochs.recent()):
            self._look_up_sessions(windows)
        return windows

    def _recovered_tick(
        self, known: SessionWindows | None, outbox: bytes | None, up_to_tick: int
    ) -> int | None:
        """The last tick that was scored, where its number is lost; None where nothing tells."""
        if known is not None:
            tick: int | None = known.tick
        else:
            if outbox:
                self._flush_outbox(0, outbox, "")
                self._begin("load")
            tick = last_stored_tick(self.shard, up_to_tick - RETENTION_TICKS)
        if tick is not None:
            self.store.restore_scored(tick)
            logger.warning("Shard %d had lost the number of its last tick: %d.", self.shard, tick)
        return tick

    def _decoded(self, stored: bytes | None) -> SessionWindows | None:
        """The windows; None where there are none that can be read."""
        if stored is None:
            return None
        try:
            windows = SessionWindows.from_bytes(stored)
        except UnknownStateError as error:
            self._set_state_aside(keys.shard_windows(self.shard), WINDOWS, one_line(error))
            return None
        if windows.version != VERSION:
            note_old_worker(self.client)
        return windows

    def _set_state_aside(self, key: str, what: str, reason: str) -> None:
        """Takes out what cannot be read; windows and detector are rebuilt from the metrics."""
        set_aside_key(self.node, self.shard, key, what)
        tell_set_aside(self.client, self.shard, what, 1, reason)

    def _rebuilt(self, scored: int) -> SessionWindows:
        """The windows from what is stored in the database."""
        epoch = self._epoch()
        windows = rebuild_windows(self.store, scored, may_be_unkeyed(self.client))
        windows.epoch = epoch
        if len(windows):
            logger.warning(
                "Shard %d is rebuilt from the metrics: %d sessions.", self.shard, len(windows)
            )
        return windows

    def _epoch(self) -> str:
        return self._known(self._epochs.current())

    def _known(self, epoch: str) -> str:
        """The database's epoch; what this process knows of another one is forgotten."""
        event_settings.follow_epoch(epoch)
        pauses.follow_epoch(epoch)
        return epoch

    def _look_up_sessions(self, windows: SessionWindows) -> None:
        """Gives all sessions the keys that the database has for them now."""
        self._begin("rekey")
        epoch = self._epoch()
        changed = rekey_sessions(windows)
        windows.epoch = epoch
        if not len(changed):
            return
        self.store.drop_tables(changed)
        self.detection.forget(changed)
        rekeyed = int(np.isin(windows.rows["session_id"], changed).sum())
        self._uncommitted.add(rekeyed, REKEYED)
        logger.warning("Shard %d: %d keys of sessions have changed.", self.shard, len(changed))

    def _skip(self, windows: SessionWindows, skipped: range) -> Skipped | None:
        """Leaves out ticks that nobody will count any more; what there was in them is returned."""
        # What came for those before has expired.
        kept = skipped[max(0, len(skipped) - RETENTION_TICKS) :]
        events = self.store.arrivals.waiting_events(kept)
        was_empty = not len(windows)
        windows.skip_to(skipped[-1])
        return None if was_empty and not events else Skipped(skipped, events)

    def _count_skipped(self) -> None:
        """Counts and tells what was skipped, as soon as that is stored."""
        if self._skipped is None:
            return
        (ticks, events), self._skipped = self._skipped, None
        self.figures.add(len(ticks), SKIPPED, "ticks")
        self.figures.add(events, SKIPPED, "events")
        logger.warning(
            "Shard %d skips ticks %d to %d: %d events of theirs that are kept are not counted.",
            self.shard,
            ticks[0],
            ticks[-1],
            events,
        )

    def _flush_outbox(self, scored: int, outbox: bytes, epoch: str) -> None:
        """Stores and publishes what an earlier call could not, by the keys that hold now."""
        self._begin(STORE)
        try:
            results = TickResults.from_bytes(outbox)
            changes = decode_changes(results.attached) if results.attached else []
        except (UnknownResultsError, msgspec.MsgspecError) as error:
            self._set_state_aside(keys.shard_outbox(self.shard), OUTBOX, one_line(error))
            return
        everything = len(results.metrics) + len(results.polls) + len(changes)
        results = readdress(results, keys_hold=epoch != "" and epoch == self._epoch())
        changes = _readdressed(changes)
        results = results._replace(attached=encode_changes(changes) if changes else b"")
        if results.is_empty:
            self.store.clear_outbox(scored)
        self._flush(results)
        kept = len(results.metrics) + len(results.polls) + len(changes)
        self.figures.add(everything - kept, LEFT_OUT, SESSION_GONE)

    def _score_next(self, windows: SessionWindows, up_to_tick: int) -> None:
        tick = self.tick = windows.tick + 1
        with self._measured("read"):
            happened = self.store.read_events(tick, up_to_tick - tick < NEWER_WORKER_TICKS)
            happened = take_in(windows, tick, happened, self._uncommitted)
            self._begin("place")
            known = len(windows)
            rows = self._placed(windows, happened.mentions, tick)
            events = choose_identities(windows, happened.events, rows, known)
            self._begin("tables")
            touched, seen = self.store.read_tables(
                windows.rows["session_id"], touched_rows(events, rows), polled_rows(events, rows)
            )
        forgotten = int(windows.rows["forgotten"].sum())
        with self._measured("advance"):
            outcome = advance(windows, tick, events, rows, touched, seen)
        # Sessions that are over take theirs along.
        forgotten = max(0, int(windows.rows["forgotten"].sum()) - forgotten)
        self._uncommitted.add(forgotten, FORGOTTEN)
        session_ids = windows.rows["session_id"].copy()
        note_all = tick % WINDOW_TICKS == self.shard % WINDOW_TICKS
        if note_all and windows.rows["unkeyed"].any():
            note_unkeyed_sessions(self.client)
        with self._measured("score"):
            polls = poll_notices(outcome.poll_moments, session_ids, happened.polls)
            results = score_windows(windows, outcome, self.detection, note_all, polls)
        self.figures.add_stage("detect", self.detection.seconds)
        with self._measured("commit"):
            self.store.commit(windows, outcome, results, session_ids, self.detection.to_bytes())
        self._count_skipped()
        self._count(events, outcome, results)
        self._flush(results)

    def _placed(
        self, windows: SessionWindows, mentions: list[Mention], tick: int
    ) -> NDArray[np.int64]:
        """The row of each mention; the first sessions of a shard say whose keys they have."""
        was_empty = not len(windows)
        if was_empty and mentions:
            windows.epoch = self._epoch()
        return place_sessions(windows, mentions, tick)

    def _count(self, events: NDArray[np.void], outcome: Outcome, results: TickResults) -> None:
        self.figures.add_all(self._uncommitted)
        add = self.figures.add
        add(len(results.metrics), SCORES)
        arrivals = self.store.arrivals
        add(arrivals.redelivered, DUPLICATES, "redelivered")
        add(arrivals.too_late, TOO_LATE)
        add(len(arrivals.unreadable), UNREADABLE, "block")
        add(len(arrivals.unknown_strays), UNREADABLE, "strays")
        if unreadable := len(arrivals.unreadable) + len(arrivals.unknown_strays):
            text = "Set aside %d blocks or lists of entries that cannot be read: %s."
            place = keys.unreadable_blocks(self.shard)
            log_once_a_minute(logger, logging.ERROR, text, unreadable, place)
        counted = {EventKind.CHAT: outcome.counts.chat_count}
        counted[EventKind.REACTION] = outcome.counts.reaction_count
        add(outcome.forgotten_voters, FORGOTTEN_VOTERS)
        add(outcome.forgotten_polls, FORGOTTEN_POLLS)
        add(outcome.late_votes, LEFT_OUT, POLL_CLOSED)
        for table in outcome.lost:
            add(1, LOST_TABLES, table.kind)
        lost_tables.report(self.shard, outcome.lost)
        for kind, counts in counted.items():
            add(int((events["kind"] == kind).sum() - counts.sum()), DUPLICATES, kind.name.lower())

    def _flush(self, results: TickResults) -> None:
        """Stores and publishes a tick's results, then forgets them."""
        if results.is_empty:
            return
        changes = decode_changes(results.attached) if results.attached else []
        event_ids = [change.event_id for change in changes]
        event_settings.ensure(np.append(results.metrics["event_id"], event_ids).astype(np.int64))
        with self._measured(STORE), transaction.atomic():
            results, moments, notices = self._store(results, changes)
        with self._measured("publish"):
            publish_updates(self.node, results.points(event_settings.external_ids))
            publish_notices(events_client(self.client), notices)
        with self._measured("broadcast"):
            self._broadcast(results, notices, moments)
        self.store.clear_outbox(results.tick)
        for notice in notices:
            self.figures.add(1, ALERTS, notice.change, notice.type, notice.severity)
            with log_context(session=notice.external_id, anomaly=str(notice.id)):
                logger.info("Alert %s: %s %s.", notice.change, notice.severity, notice.type)
        logger.debug("Scored %d sessions, %d are over.", len(results.metrics), len(results.ended))

    def _store(
        self, results: TickResults, changes: list[EpisodeChange]
    ) -> tuple[TickResults, list[PollMoment], list[AnomalyNotice]]:
        """Writes everything into the database, within the caller's transaction.

        Returns:
            The results whose metrics are stored, the moments of polls, and notices of anomalies.
        """
        time = tick_end(results.tick)
        pieces = Pieces(self.is_piecewise)

        def metrics(rows: list[int]) -> list[int]:
            store_metrics(results.metrics[rows], results.tick)
            return rows

        def notices(some: list[EpisodeChange]) -> list[AnomalyNotice]:
            return store_changes(some, event_settings.external_ids)

        stored = pieces.store("metrics", [*range(len(results.metrics))], metrics)
        pieces.store("signs", results.heard_of, lambda ids: note_signs_of_life(ids, time))
        moments = pieces.store("polls", results.polls, lambda some: store_poll_notices(some, time))
        told = pieces.store("changes", changes, notices)
        pieces.store("ends", results.ended, lambda ids: end_sessions(ids, time))
        if pieces.bad:
            self._set_aside(pieces.bad)
        return results.only(stored), moments, told

    def _set_aside(self, bad: list[BadPiece]) -> None:
        for what, piece, error in bad:
            text = f"{what}: {piece!r}: {one_line(error)}"
            keep_pieces(self.node, self.shard, "results", [text.encode(errors="replace")])
        tell_set_aside(self.client, self.shard, "results", len(bad), one_line(bad[0].error))

    def _broadcast(
        self, results: TickResults, notices: list[AnomalyNotice], moments: list[PollMoment]
    ) -> None:
        """Best effort: a screen that misses a tick gets the next one, and asks for the hole."""
        try:
            watched = watched_groups(self.client)
            if not any(watched):
                return
            if not self._has_just_followed_edits():
                results, notices = reroute(results, notices)
                event_settings.ensure(results.metrics["event_id"])
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
        except SoftTimeLimitExceeded:
            raise
        except Exception as error:  # noqa: BLE001 - pages are no reason to score nothing
            self.figures.add(1, MISSED_BROADCASTS)
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


def _readdressed(changes: list[EpisodeChange]) -> list[EpisodeChange]:
    """The changes with the keys that their sessions and events have now; no others."""
    places = dict(find_sessions(change.external_id for change in changes))
    return [
        msgspec.structs.replace(change, session_id=place.session_id, event_id=place.event_id)
        for change in changes
        if (place := places.get(change.external_id)) is not None
    ]


def _ended_sessions(results: TickResults) -> list[EndedSession]:
    sessions = Session.objects.filter(pk__in=results.ended)
    time = tick_end(results.tick)
    return [
        EndedSession(key, event_id, ended_at or time)
        for key, event_id, ended_at in sessions.values_list("pk", "event_id", "ended_at")
    ]
