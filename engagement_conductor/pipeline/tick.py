"""The five-second tick of one shard: read, advance, score, detect, end, commit, deliver."""

import logging
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import redis

from engagement_conductor.pipeline.caches import WorkerCaches
from engagement_conductor.pipeline.counting import count_skipped, count_tick
from engagement_conductor.pipeline.delivery import deliver
from engagement_conductor.pipeline.opening import OpenShard, look_up_sessions, open_shard
from engagement_conductor.pipeline.parts import PARTS
from engagement_conductor.pipeline.scoring import detect, score_tick
from engagement_conductor.pipeline.turn import Turn
from sessions_app.control.edits import follow_edits
from sessions_app.events.blocks import NewerBlockError
from sessions_app.ingest.identity_secret import note_unkeyed_sessions
from sessions_app.outcomes.outbox import Outcome, encode_outcome
from sessions_app.outcomes.part import ScoredTick
from sessions_app.redis_access import keys
from sessions_app.redis_access.client import shard_client
from sessions_app.redis_access.renewed_lock import RenewedLock
from sessions_app.shards.misplaced_keys import set_endless_lock_aside, set_misplaced_aside
from sessions_app.shards.remedies import apply_remedy, is_piecewise
from sessions_app.shards.shard_store import TickTakenError
from sessions_app.shards.tick_input import read_tick
from sessions_app.state.tick_update import advance
from sessions_app.telemetry.log_context import log_context
from sessions_app.telemetry.outages import is_outage, log_failure
from sessions_app.telemetry.shard_conditions import Failure, begin_work, end_work
from sessions_app.ticks import WINDOW_TICKS

logger = logging.getLogger(__name__)

# Longest time a shard waits after its worker was killed; while one works, the lock is renewed.
LOCK_SECONDS = 10
# How long a tick that only a later version can read waits for a worker of that version.
NEWER_WORKER_TICKS = 24
# Edits reach a shard within this time even while it catches up.
EDITS_SECONDS = 1.0


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
    caches: WorkerCaches,
    seconds: float = math.inf,
    failure: Failure | None = None,
) -> int:
    """Scores every tick of a shard that is missing up to ``up_to_tick``; returns how many.

    A tick that has been scored is never scored again. What fails leaves the tick undone for the
    next call; what has been scored but not delivered is delivered first.

    Args:
        caches: of the worker.
        seconds: after which no other tick is begun.
        failure: how the shard has failed of late; what is said to fail is set aside in time.

    Raises:
        redis.RedisError, django.db.Error, OSError: a server does not answer.
        ShardFailedError: anything else, from what it was.
    """
    lock = RenewedLock(shard_client(client, shard), keys.shard_lock(shard), LOCK_SECONDS)
    if not lock.acquire():
        set_endless_lock_aside(client, shard_client(client, shard), shard)
        return 0
    turn = Turn(client, shard, caches, lock)
    try:
        with log_context(shard=shard), _noting_work(turn):
            if failure is not None:
                _treat(turn, failure)
            return catch_up(turn, up_to_tick, lock.check, seconds)
    except Exception as error:
        if is_outage(error):
            raise
        raise ShardFailedError(turn.stage, turn.tick) from error
    finally:
        if not lock.release():
            logger.warning("Shard %d took longer than its lock.", shard)


def catch_up(
    turn: Turn,
    up_to_tick: int,
    keep_lock: Callable[[], object],
    seconds: float = math.inf,
) -> int:
    """Scores the missing ticks in order; ``keep_lock`` is called between them.

    Args:
        seconds: after which no other tick is begun.
    """
    give_up_at = time.monotonic() + seconds
    turn.tick = up_to_tick
    turn.begin("edits")
    turn.caches.refresh()
    try:
        shard = open_shard(turn, up_to_tick)
        scorer = ShardScorer(turn, shard)
        scorer.follow_edits(whole=_is_minute(turn, up_to_tick))
        while shard.windows.tick < up_to_tick:
            with turn.counters.tick():
                scorer.skip_idle(up_to_tick)
                with log_context(tick=shard.windows.tick + 1):
                    scorer.score_next(up_to_tick)
            turn.done += 1
            if shard.windows.tick < up_to_tick:
                keep_lock()
                if time.monotonic() >= give_up_at:
                    break
                scorer.follow_edits()
    except (NewerBlockError, TickTakenError, redis.exceptions.LockError) as error:
        logger.info("Left to the next call: %s.", error)
    finally:
        turn.store.abandon()
        _save_counters(turn)
    return turn.done


class ShardScorer:
    """Carries an open shard from tick to tick."""

    def __init__(self, turn: Turn, shard: OpenShard) -> None:
        self.turn = turn
        self._windows, self._detection, self._skipped = shard
        self._followed_at = -math.inf

    def score_next(self, up_to_tick: int) -> None:
        """Scores the tick after that of the windows, and delivers what it leads to."""
        turn, windows, detection = self.turn, self._windows, self._detection
        tick = turn.tick = windows.tick + 1
        with turn.measured("read"):
            is_patient = up_to_tick - tick < NEWER_WORKER_TICKS
            taken = read_tick(
                turn.store,
                windows,
                is_patient,
                turn.uncommitted,
                turn.begin,
                turn.caches.current_epoch,
            )
        forgotten = int(windows.rows["forgotten"].sum())
        with turn.measured("advance"):
            update = advance(windows, tick, taken.events, taken.rows, taken.touched, taken.seen)
        forgotten = int(windows.rows["forgotten"].sum()) - forgotten
        is_minute = _is_minute(turn, tick)
        with turn.measured("score"):
            scored = score_tick(windows, update, taken.polls, turn.caches, is_minute)
        with turn.measured("detect"):
            detect(scored, detection, turn.caches)
        outcome = Outcome(tick, _produced(scored))
        session_ids = windows.rows["session_id"].copy()
        ended = windows.remove_ended().tolist()
        with turn.measured("commit"):
            if is_minute and windows.rows["unkeyed"].any():
                note_unkeyed_sessions(turn.client)
            outbox = encode_outcome(outcome, PARTS) if outcome.values else b""
            turn.store.commit(windows, update, session_ids, ended, detection.to_bytes(), outbox)
        self._skipped = count_skipped(turn, self._skipped)
        count_tick(turn, taken.events, update, outcome, forgotten)
        deliver(turn, outcome, self._has_just_followed_edits())

    def follow_edits(self, whole: bool = False) -> None:
        """Takes over what was edited; at most once a second.

        Args:
            whole: whether to compare all sessions, so that those that were deleted are noticed too.
        """
        if self._has_just_followed_edits():
            return
        self.turn.begin("edits")
        began = time.monotonic()
        follow_edits(self._windows, whole)
        self._followed_at = began
        if not self._windows.epoch and len(self._windows):
            look_up_sessions(self.turn, self._windows, self._detection)

    def skip_idle(self, up_to_tick: int) -> None:
        """Jumps to the last due tick if the shard has no sessions and nothing happens before."""
        due = range(self._windows.tick + 1, up_to_tick + 1)
        if not len(self._windows) and self.turn.store.begin(due):
            self._windows.tick = up_to_tick - 1
        else:
            self.turn.store.begin(due[:1])

    def _has_just_followed_edits(self) -> bool:
        return time.monotonic() - self._followed_at < EDITS_SECONDS


def _produced(scored: ScoredTick) -> dict[str, object]:
    made = {part.name: part.produce(scored) for part in PARTS}
    return {name: value for name, value in made.items() if value is not None}


def _is_minute(turn: Turn, tick: int) -> bool:
    """Whether it is the shard's turn with what is done once a minute."""
    return tick % WINDOW_TICKS == turn.shard % WINDOW_TICKS


def _treat(turn: Turn, failure: Failure) -> None:
    """Does something about how the shard has failed of late."""
    set_misplaced_aside(turn.client, turn.node, turn.shard)
    # What fails meanwhile is another failure of the same kind.
    turn.stage, turn.tick = failure.stage, failure.tick
    apply_remedy(turn.client, turn.shard, failure)
    turn.is_piecewise = is_piecewise(failure)


@contextmanager
def _noting_work(turn: Turn) -> Iterator[None]:
    """Notes who is at work, and how long a tick took, unless a server made it wait."""
    before = begin_work(turn.client, turn.shard)
    began, seconds = time.monotonic(), None
    try:
        yield
        if turn.done:
            seconds = (time.monotonic() - began) / turn.done
    except Exception as error:
        if not is_outage(error):
            seconds = time.monotonic() - began
        raise
    finally:
        end_work(turn.client, turn.shard, seconds, before)


def _save_counters(turn: Turn) -> None:
    """Best effort: nothing depends on them."""
    try:
        turn.counters.save(turn.client)
    except redis.RedisError as error:
        log_failure(logger, "Figures are lost", error)
