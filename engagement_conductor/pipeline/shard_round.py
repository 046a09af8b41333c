"""A task's round: its shards, one after another; one that fails does not stop the others."""

import logging
import math
import time

import redis
from celery.exceptions import SoftTimeLimitExceeded
from django.db import close_old_connections, connections

from engagement_conductor.pipeline.caches import WorkerCaches
from engagement_conductor.pipeline.catching_up import ShardFailedError, score_shard
from sessions_app.redis_access.client import look_up_nodes_again, server_time_ms
from sessions_app.telemetry.log_context import log_context
from sessions_app.telemetry.once_a_minute import OnceAMinute, with_count
from sessions_app.telemetry.outages import SERVER_ERRORS, log_failure
from sessions_app.telemetry.shard_conditions import (
    Failure,
    forget_failure,
    note_failure,
    note_interruption,
    one_line,
    read_failures,
)
from sessions_app.ticks import TICK_SECONDS, tick_end_ms

logger = logging.getLogger(__name__)

# A tick that ended longer ago than this is not current: its round has no deadline.
OVERDUE_SECONDS = 2 * TICK_SECONDS

_lines = OnceAMinute()


def score_round(client: "redis.Redis", caches: WorkerCaches, shards: list[int], tick: int) -> None:
    """Scores the missing ticks of each shard up to ``tick``.

    The time until the next tick is divided among the shards, so that one that is behind leaves the
    others theirs. Failures are logged and counted; the ticks are scored in a later round.

    Raises:
        redis.RedisError: Redis does not answer at the start.
    """
    close_old_connections()
    failing = read_failures(client)
    deadline = time.monotonic() + _seconds_until_next(client, tick)
    for position, shard in enumerate(shards):
        seconds = max(0.0, deadline - time.monotonic()) / (len(shards) - position)
        try:
            _score_one(client, caches, shard, tick, seconds, failing.get(shard))
        except SoftTimeLimitExceeded:
            return  # the rest are as slow or slower; they are sent again with the next tick


def _seconds_until_next(client: "redis.Redis", tick: int) -> float:
    """Seconds until the tick after ``tick`` is due; infinite if that is long past."""
    seconds = (tick_end_ms(tick + 1) - server_time_ms(client)) / 1000
    return math.inf if seconds < -OVERDUE_SECONDS else seconds


def _score_one(
    client: "redis.Redis",
    caches: WorkerCaches,
    shard: int,
    tick: int,
    seconds: float,
    failure: Failure | None,
) -> None:
    """Scores one shard.

    Raises:
        SoftTimeLimitExceeded: the task's time is over.
    """
    try:
        scored = score_shard(client, shard, tick, caches, seconds, failure)
        if scored and failure is not None:
            forget_failure(client, shard)
            logger.info("Shard %d is being scored again after %d failures.", shard, failure.count)
    except ShardFailedError as error:
        cause = error.__cause__ or error
        _reconnect(client)
        if _was_interrupted(cause):
            _note_interruption(client, shard, error.stage, error.tick)
            raise SoftTimeLimitExceeded from None
        _note_failure(client, shard, error.stage, error.tick, cause)
    except Exception as error:  # noqa: BLE001 - one shard must not stop the others
        _reconnect(client)
        with log_context(shard=shard, tick=tick):
            log_failure(logger, "A shard's tick is waiting", error)


def _was_interrupted(error: BaseException | None) -> bool:
    """Whether the soft time limit is the error itself or anywhere in its chain."""
    while error is not None:
        if isinstance(error, SoftTimeLimitExceeded):
            return True
        error = error.__cause__ or error.__context__
    return False


def _note_interruption(client: "redis.Redis", shard: int, stage: str, tick: int) -> None:
    """Being slow is not a failure; how slow it was is kept with the shard's seconds."""
    with log_context(shard=shard, tick=tick, stage=stage):
        if (omitted := _lines.left_out(("interrupted", shard))) is not None:
            what = f"Shard {shard} was interrupted in {stage}: its tick took too long"
            logger.warning("%s", with_count(what, omitted))
    try:
        note_interruption(client)
    except SERVER_ERRORS as outage:
        log_failure(logger, "A shard's interruption was not counted", outage)


def _note_failure(
    client: "redis.Redis", shard: int, stage: str, tick: int, error: BaseException
) -> None:
    with log_context(shard=shard, tick=tick, stage=stage):
        log_failure(logger, "A shard was not scored", error)
    try:
        note_failure(client, shard, stage, tick, one_line(error))
    except SERVER_ERRORS as outage:
        log_failure(logger, "A shard's failure was not recorded", outage)


def _reconnect(client: "redis.Redis") -> None:
    """An interrupted call may have left a connection in the middle of a reply."""
    client.connection_pool.disconnect()
    look_up_nodes_again()
    connections.close_all()
