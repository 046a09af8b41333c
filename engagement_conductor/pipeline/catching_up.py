"""A worker's turn at one shard: scores all missing ticks under its lock."""

import logging
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import redis

from engagement_conductor.pipeline.caches import WorkerCaches
from engagement_conductor.pipeline.opening import open_shard
from engagement_conductor.pipeline.tick import ShardScorer
from engagement_conductor.pipeline.turn import Turn
from sessions_app.events.blocks import NewerBlockError
from sessions_app.redis_access import keys
from sessions_app.redis_access.client import shard_client
from sessions_app.redis_access.renewed_lock import RenewedLock
from sessions_app.shards.misplaced_keys import set_endless_lock_aside, set_misplaced_aside
from sessions_app.shards.remedies import apply_remedy, is_piecewise
from sessions_app.shards.shard_store import TickTakenError
from sessions_app.telemetry.log_context import log_context
from sessions_app.telemetry.outages import is_outage, log_failure
from sessions_app.telemetry.shard_conditions import Failure
from sessions_app.telemetry.shard_seconds import begin_work, end_work

logger = logging.getLogger(__name__)

# Longest time a shard waits after its worker was killed; while one works, the lock is renewed.
LOCK_SECONDS = 10


class ShardFailedError(Exception):
    """A shard could not be scored, for another reason than an outage.

    Attributes:
        stage: of the tick in which it failed.
        tick: the one that was to be scored next.
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
        seconds: after which no further tick is started.
        failure: recent failures of the shard; what keeps failing is eventually quarantined.

    Raises:
        redis.RedisError, django.db.Error, OSError: a server does not answer.
        ShardFailedError: anything else, with the error as its cause.
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
            logger.warning("Shard %d: its lock expired before the work was done.", shard)


def catch_up(
    turn: Turn,
    up_to_tick: int,
    keep_lock: Callable[[], object],
    seconds: float = math.inf,
) -> int:
    """Scores the missing ticks in order; ``keep_lock`` is called between them.

    Args:
        seconds: after which no further tick is started.
    """
    give_up_at = time.monotonic() + seconds
    turn.tick = up_to_tick
    turn.begin("edits")
    turn.caches.refresh()
    try:
        shard = open_shard(turn, up_to_tick)
        scorer = ShardScorer(turn, shard)
        scorer.follow_edits(whole=turn.is_minute(up_to_tick))
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
        logger.info("Left for the next call: %s.", error)
    finally:
        turn.store.abandon()
        _save_counters(turn)
    return turn.done


def _treat(turn: Turn, failure: Failure) -> None:
    """Applies the remedy for the shard's recent failures."""
    set_misplaced_aside(turn.client, turn.node, turn.shard)
    # A failure of the remedy counts as another one of the same kind.
    turn.stage, turn.tick = failure.stage, failure.tick
    apply_remedy(turn.client, turn.shard, failure)
    turn.is_piecewise = is_piecewise(failure)


@contextmanager
def _noting_work(turn: Turn) -> Iterator[None]:
    """Notes that the shard is being worked on, and the time per tick unless a server was away."""
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
        log_failure(logger, "Counters were not saved", error)
