"""Celery tasks: thin, without arguments that could become stale, and safe to run twice.

Beat imports this module only for the names of the tasks. Whatever only workers need is imported
inside the tasks, so that beat starts sooner.
"""

import logging
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import redis
from celery import shared_task
from celery.signals import worker_init
from django.conf import settings
from django.db import close_old_connections
from django.utils import timezone

from sessions_app.redis_access import keys
from sessions_app.redis_access.client import cluster_client, connect, server_time_ms
from sessions_app.redis_access.renewed_lock import RenewedLock
from sessions_app.shards.misplaced_keys import move_endless_lane, move_misplaced
from sessions_app.shards.silence import live_sessions_by_shard, may_be_live
from sessions_app.storage.polls import drop_poll_moments_before
from sessions_app.storage.retention import drop_metrics_before
from sessions_app.storage.sessions import end_silent_sessions as mark_silent_sessions
from sessions_app.telemetry.heartbeats import WORKER, note_heartbeat
from sessions_app.ticks import SILENCE_TICKS, TICK_SECONDS, tick_at

if TYPE_CHECKING:
    from engagement_conductor.pipeline.caches import WorkerCaches

logger = logging.getLogger(__name__)

TASK_LIFETIME_SECONDS = 2 * TICK_SECONDS
# Soft limit: the tick is interrupted, and its shard counts as slow and moves to the slow
# lane, which allows more time. Hard limit: a task that cannot be interrupted is killed with its
# process.
SOFT_LIMIT_SECONDS, HARD_LIMIT_SECONDS = 40, 60
SLOW_SOFT_LIMIT_SECONDS, SLOW_HARD_LIMIT_SECONDS = 240, 270
# Longest time the slow lane waits after its worker was killed; a live worker renews its lock.
LANE_SECONDS = 10

_client: "redis.Redis | None" = None
_caches: "WorkerCaches | None" = None


def client() -> "redis.Redis":
    """This process's connection to Redis, kept between tasks."""
    global _client
    if _client is None:
        _client = connect()
    return _client


def caches() -> "WorkerCaches":
    """This process's caches, kept between ticks."""
    global _caches
    if _caches is None:
        from engagement_conductor.pipeline.caches import WorkerCaches

        _caches = WorkerCaches(client())
    return _caches


@worker_init.connect
def load_pipeline(**_: Any) -> None:
    """Imports what a worker needs before it forks, so that its children share the memory."""
    from engagement_conductor.pipeline import shard_round  # noqa: F401


@shared_task(ignore_result=True)
def score_tick() -> None:
    """Sends all shards to the workers once every event of the last tick has been collected."""
    from engagement_conductor.pipeline.dispatch import plan_tick

    move_misplaced(client())
    note_heartbeat(client(), WORKER)
    tick = tick_at(server_time_ms(client())) - 1
    lanes = plan_tick(client(), tick)
    if lanes is None:
        return
    for shards in lanes.usual:
        score_shards.apply_async((shards, tick), expires=TASK_LIFETIME_SECONDS)
    if lanes.slow:
        score_slow_shards.apply_async((lanes.slow, tick), expires=TASK_LIFETIME_SECONDS)


@shared_task(ignore_result=True, soft_time_limit=SOFT_LIMIT_SECONDS, time_limit=HARD_LIMIT_SECONDS)
def score_shards(shards: list[int], tick: int) -> None:
    """Scores the missing ticks of these shards up to ``tick``."""
    from engagement_conductor.pipeline.shard_round import score_round

    score_round(client(), caches(), shards, tick)


@shared_task(
    ignore_result=True,
    soft_time_limit=SLOW_SOFT_LIMIT_SECONDS,
    time_limit=SLOW_HARD_LIMIT_SECONDS,
)
def score_slow_shards(shards: list[int], tick: int) -> None:
    """The same for shards that exceed their time budget, in one process at a time."""
    lane = RenewedLock(client(), keys.SLOW_LANE, LANE_SECONDS)
    if not lane.acquire():
        move_endless_lane(client())
        return
    try:
        score_shards(shards, tick)
    finally:
        lane.release()


@shared_task(ignore_result=True)
def end_silent_sessions() -> None:
    """Ends sessions that have been silent for half an hour and are no longer in any shard's state.

    Sessions of shards that lag behind are left alone.
    """
    known = live_sessions_by_shard(cluster_client(client()), tick_at(server_time_ms(client())))
    if len(known) < keys.SHARD_COUNT:
        missing = sorted(set(range(keys.SHARD_COUNT)) - known.keys())
        logger.warning("Shards %s lag behind; their silent sessions are not ended.", missing)
    close_old_connections()
    # Longer than the scorer's limit, because the time of the last event is stored once a minute.
    silence = timedelta(seconds=SILENCE_TICKS * TICK_SECONDS + 90)
    ended = mark_silent_sessions(
        timezone.now(), silence, lambda external_id: may_be_live(external_id, known)
    )
    if ended:
        logger.info("Ended %d sessions whose state was lost.", ended)


@shared_task(ignore_result=True)
def drop_expired_metrics() -> None:
    """Deletes metrics and poll moments older than METRIC_RETENTION, if it is set."""
    if settings.METRIC_RETENTION:
        close_old_connections()
        oldest = timezone.now() - settings.METRIC_RETENTION
        drop_metrics_before(oldest)
        drop_poll_moments_before(oldest)
