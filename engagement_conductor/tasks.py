"""Celery tasks: thin, without arguments that could be stale, safe to run twice."""

import logging
import math
import time
from datetime import timedelta
from importlib import import_module
from typing import TYPE_CHECKING, Any

import redis
from celery import shared_task
from celery.exceptions import SoftTimeLimitExceeded
from celery.signals import worker_init
from django.conf import settings
from django.db import close_old_connections, connections
from django.utils import timezone

from engagement_conductor.pipeline.lanes import ShardLoad, plan
from sessions_app.ingest.watermark import has_passed
from sessions_app.redis_access import keys
from sessions_app.redis_access.client import (
    cluster_client,
    connect,
    look_up_nodes_again,
    server_time_ms,
)
from sessions_app.redis_access.renewed_lock import RenewedLock
from sessions_app.shards.database_epochs import advance_mark
from sessions_app.shards.misplaced_keys import move_endless_lane, move_misplaced
from sessions_app.shards.silence import live_sessions_by_shard, may_be_live
from sessions_app.storage.polls import drop_poll_moments_before
from sessions_app.storage.retention import drop_metrics_before
from sessions_app.storage.sessions import end_silent_sessions as mark_silent_sessions
from sessions_app.telemetry.heartbeats import WORKER, note_heartbeat
from sessions_app.telemetry.log_context import log_context
from sessions_app.telemetry.once_a_minute import OnceAMinute, with_count
from sessions_app.telemetry.outages import SERVER_ERRORS, log_failure
from sessions_app.telemetry.readings import Readings
from sessions_app.telemetry.shard_conditions import (
    Failure,
    forget_failure,
    note_failure,
    note_interruption,
    one_line,
    read_failures,
    read_seconds,
    scored_ticks,
    shards_apart,
)
from sessions_app.ticks import SILENCE_TICKS, TICK_SECONDS, tick_at, tick_end_ms

if TYPE_CHECKING:
    from engagement_conductor.pipeline.caches import WorkerCaches

logger = logging.getLogger(__name__)

# Long enough for a collector that is busy, short enough to be over before the next tick.
WATERMARK_PATIENCE_SECONDS = 4.0
WATERMARK_POLL_SECONDS = 0.02
# Sending a task costs about as much as scoring a small shard; workers beyond this stay idle.
TASKS_PER_TICK = 4
TASK_LIFETIME_SECONDS = 2 * TICK_SECONDS
# A tick that takes longer is interrupted; its shard is slow then, and has more time in a lane of
# its own. Whatever cannot be interrupted ends with its process.
SOFT_LIMIT_SECONDS, HARD_LIMIT_SECONDS = 40, 60
SLOW_SOFT_LIMIT_SECONDS, SLOW_HARD_LIMIT_SECONDS = 240, 270
# As long as this the lane stands still whose worker was killed.
LANE_SECONDS = 10

slow_lines = OnceAMinute()
_client: "redis.Redis | None" = None
_caches: "WorkerCaches | None" = None


def client() -> "redis.Redis":
    """This process' connection to Redis, kept between tasks."""
    global _client
    if _client is None:
        _client = connect()
    return _client


def caches() -> "WorkerCaches":
    """What this process keeps between ticks."""
    global _caches
    if _caches is None:
        # Beat imports this file for the names of its tasks only, and is to start soon.
        from engagement_conductor.pipeline.caches import WorkerCaches

        _caches = WorkerCaches(client())
    return _caches


@worker_init.connect
def load_pipeline(**_: Any) -> None:
    """Imports what a worker needs before it forks, so that its processes share the memory."""
    import_module("engagement_conductor.pipeline.tick")


@shared_task(ignore_result=True)
def score_tick() -> None:
    """Has every shard score up to the tick that has just ended, once all its events are in."""
    move_misplaced(client())
    note_heartbeat(client(), WORKER)
    tick = tick_at(server_time_ms(client())) - 1
    if not _wait_for_watermark(tick):
        with log_context(tick=tick):
            logger.warning("Tick %d waits: the collectors have not read past its end.", tick)
        return
    _advance_mark()
    lanes = plan(*_known_of_shards(), TASKS_PER_TICK)
    for shards in lanes.usual:
        score_shards.apply_async((shards, tick), expires=TASK_LIFETIME_SECONDS)
    if lanes.slow:
        if (left_out := slow_lines.left_out(tuple(lanes.slow))) is not None:
            logger.warning("%s", with_count(f"Shards {lanes.slow} are slow, and apart", left_out))
        score_slow_shards.apply_async((lanes.slow, tick), expires=TASK_LIFETIME_SECONDS)


def _known_of_shards() -> tuple[list[ShardLoad], set[int]]:
    """What there is to be done for each shard, and which of them are slow."""
    events, seconds = cluster_client(client()), read_seconds(client())
    names = [keys.shard_windows(shard) for shard in range(keys.SHARD_COUNT)]
    with events.pipeline(transaction=False) as pipeline:
        for name in names:
            pipeline.strlen(name)
        sizes = Readings().answers(pipeline, names)
    loads = [
        ShardLoad(shard, size or 0, seconds.get(shard, 0.0), scored or 0)
        for shard, (size, scored) in enumerate(zip(sizes, scored_ticks(events), strict=True))
    ]
    return loads, shards_apart(seconds)


def _advance_mark() -> None:
    """Best effort: while the database is away, the shards say so themselves."""
    close_old_connections()
    try:
        advance_mark(client())
    except SERVER_ERRORS as error:
        log_failure(logger, "The database's mark is not advanced", error)


def _wait_for_watermark(tick: int) -> bool:
    give_up_at = time.monotonic() + WATERMARK_PATIENCE_SECONDS
    while not has_passed(client(), tick_end_ms(tick)):
        if time.monotonic() >= give_up_at:
            return False
        time.sleep(WATERMARK_POLL_SECONDS)
    return True


@shared_task(ignore_result=True, soft_time_limit=SOFT_LIMIT_SECONDS, time_limit=HARD_LIMIT_SECONDS)
def score_shards(shards: list[int], tick: int) -> None:
    """Scores the ticks that are missing up to ``tick``, shard by shard; one that fails stops none.

    What waits for a server to come back is done with the next tick, and only logged. A shard that
    is behind goes on as long as the task has time, each has its part of it.
    """
    _score_in_turn(shards, tick)


@shared_task(
    ignore_result=True,
    soft_time_limit=SLOW_SOFT_LIMIT_SECONDS,
    time_limit=SLOW_HARD_LIMIT_SECONDS,
)
def score_slow_shards(shards: list[int], tick: int) -> None:
    """The same for shards that are over their budget: one process at a time is at such a one."""
    lane = RenewedLock(client(), keys.SLOW_LANE, LANE_SECONDS)
    if not lane.acquire():
        move_endless_lane(client())
        return
    try:
        _score_in_turn(shards, tick)
    finally:
        lane.release()


def _score_in_turn(shards: list[int], tick: int) -> None:
    close_old_connections()
    failing = read_failures(client())
    due_at = time.monotonic() + _seconds_until_next(tick)
    for position, shard in enumerate(shards):
        seconds = max(0.0, due_at - time.monotonic()) / (len(shards) - position)
        try:
            _score_one(shard, tick, seconds, failing.get(shard))
        except SoftTimeLimitExceeded:
            return  # the others are as slow or slower; they are sent again with the next tick


def _score_one(shard: int, tick: int, seconds: float, failure: Failure | None) -> None:
    """Scores a shard; whatever goes wrong there is noted and logged."""
    # Beat imports this file for the names of its tasks only, and is to start soon.
    from engagement_conductor.pipeline.tick import ShardFailedError, score_shard

    try:
        scored = score_shard(client(), shard, tick, caches(), seconds, failure)
        if scored and failure is not None:
            forget_failure(client(), shard)
            logger.info("Shard %d is scored again, after %d failures.", shard, failure.count)
    except ShardFailedError as error:
        cause = error.__cause__ or error
        _connect_anew()
        if _was_interrupted(cause):
            _note_interruption(shard, error.stage, error.tick)
            raise SoftTimeLimitExceeded from None
        _note_failure(shard, error.stage, error.tick, cause)
    except Exception as error:  # noqa: BLE001 - one that fails stops none
        _connect_anew()
        with log_context(shard=shard, tick=tick):
            log_failure(logger, "The tick waits in a shard", error)


def _was_interrupted(error: BaseException | None) -> bool:
    """Whether it, or what it was raised from or during, is the end of the task's time."""
    while error is not None:
        if isinstance(error, SoftTimeLimitExceeded):
            return True
        error = error.__cause__ or error.__context__
    return False


def _note_interruption(shard: int, stage: str, tick: int) -> None:
    """That a shard is slow is kept with its seconds; nothing of it is bad."""
    with log_context(shard=shard, tick=tick, stage=stage):
        if (left_out := slow_lines.left_out(("interrupted", shard))) is not None:
            what = f"Shard {shard} was interrupted in {stage}: its tick took too long"
            logger.warning("%s", with_count(what, left_out))
    try:
        note_interruption(client())
    except SERVER_ERRORS as outage:
        log_failure(logger, "A shard's interruption is not counted", outage)


def _note_failure(shard: int, stage: str, tick: int, error: BaseException) -> None:
    with log_context(shard=shard, tick=tick, stage=stage):
        log_failure(logger, "A shard was not scored", error)
    try:
        note_failure(client(), shard, stage, tick, one_line(error))
    except SERVER_ERRORS as outage:
        log_failure(logger, "A shard's failure is not noted", outage)


def _connect_anew() -> None:
    """Whatever was interrupted may have left a connection in the middle of an answer."""
    client().connection_pool.disconnect()
    look_up_nodes_again()
    connections.close_all()


def _seconds_until_next(tick: int) -> float:
    """How long it is until the tick after ``tick`` is due; of a tick of the past, for ever."""
    seconds = (tick_end_ms(tick + 1) - server_time_ms(client())) / 1000
    return math.inf if seconds < -TASK_LIFETIME_SECONDS else seconds


@shared_task(ignore_result=True)
def end_silent_sessions() -> None:
    """Ends sessions that were silent for half an hour and that no shard knows any more.

    Those of shards that lag behind are left alone.
    """
    known = live_sessions_by_shard(cluster_client(client()), tick_at(server_time_ms(client())))
    if len(known) < keys.SHARD_COUNT:
        missing = sorted(set(range(keys.SHARD_COUNT)) - known.keys())
        logger.warning("Of shards %s no session is ended for its silence: they lag.", missing)
    close_old_connections()
    # A minute more than the scorer allows, because signs of life are stored by the minute.
    silence = timedelta(seconds=SILENCE_TICKS * TICK_SECONDS + 90)
    ended = mark_silent_sessions(
        timezone.now(), silence, lambda external_id: may_be_live(external_id, known)
    )
    if ended:
        logger.info("Ended %d sessions whose state was lost.", ended)


@shared_task(ignore_result=True)
def drop_expired_metrics() -> None:
    """Drops metrics that are older than the settings allow."""
    if settings.METRIC_RETENTION:
        close_old_connections()
        oldest = timezone.now() - settings.METRIC_RETENTION
        drop_metrics_before(oldest)
        drop_poll_moments_before(oldest)
