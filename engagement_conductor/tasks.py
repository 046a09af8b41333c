"""Celery tasks: thin, without arguments that could be stale, safe to run twice."""

import logging
import time
from datetime import timedelta
from importlib import import_module
from typing import Any

import redis
from celery import shared_task
from celery.signals import worker_init
from django.conf import settings
from django.db import close_old_connections
from django.utils import timezone

from sessions_app import keys
from sessions_app.connection import connect, events_client, look_up_nodes_again
from sessions_app.heartbeats import WORKER, note_heartbeat
from sessions_app.log_context import log_context
from sessions_app.outages import SERVER_ERRORS, is_outage, log_failure
from sessions_app.pipeline_status import last_scored_tick
from sessions_app.poll_moments import drop_poll_moments_before
from sessions_app.registry import end_silent_sessions as mark_silent_sessions
from sessions_app.retention import drop_metrics_before
from sessions_app.streams import server_time_ms
from sessions_app.ticks import SILENCE_TICKS, TICK_SECONDS, tick_at, tick_end_ms
from sessions_app.watermark import has_passed

logger = logging.getLogger(__name__)

# Long enough for a collector that is busy, short enough to be over before the next tick.
WATERMARK_PATIENCE_SECONDS = 4.0
WATERMARK_POLL_SECONDS = 0.02
SCORING_IS_CURRENT_TICKS = 12
# Sending a task costs about as much as scoring a small shard; workers beyond this stay idle.
TASKS_PER_TICK = 4
# What a server may say; whether it is an outage tells `is_outage`.
OUTAGES = SERVER_ERRORS

_client: "redis.Redis | None" = None


def client() -> "redis.Redis":
    """This process' connection to Redis, kept between tasks."""
    global _client
    if _client is None:
        _client = connect()
    return _client


@worker_init.connect
def load_pipeline(**_: Any) -> None:
    """Imports what a worker needs before it forks, so that its processes share the memory."""
    import_module("engagement_conductor.pipeline")


@shared_task(ignore_result=True)
def score_tick() -> None:
    """Has every shard score up to the tick that has just ended, once all its events are in."""
    note_heartbeat(client(), WORKER)
    tick = tick_at(server_time_ms(client())) - 1
    if not _wait_for_watermark(tick):
        with log_context(tick=tick):
            logger.warning("Tick %d waits: the collectors have not read past its end.", tick)
        return
    shards = _largest_first()
    for part in range(TASKS_PER_TICK):
        score_shards.apply_async((shards[part::TASKS_PER_TICK], tick), expires=TICK_SECONDS * 2)


def _largest_first() -> list[int]:
    """The shards, so that those with most sessions come first and are spread over the tasks."""
    with events_client(client()).pipeline(transaction=False) as pipeline:
        for shard in range(keys.SHARD_COUNT):
            pipeline.strlen(keys.shard_windows(shard))
        sizes = pipeline.execute()
    return sorted(range(keys.SHARD_COUNT), key=lambda shard: -sizes[shard])


def _wait_for_watermark(tick: int) -> bool:
    give_up_at = time.monotonic() + WATERMARK_PATIENCE_SECONDS
    while not has_passed(client(), tick_end_ms(tick)):
        if time.monotonic() >= give_up_at:
            return False
        time.sleep(WATERMARK_POLL_SECONDS)
    return True


@shared_task(ignore_result=True)
def score_shards(shards: list[int], tick: int) -> None:
    """Scores the ticks that are missing up to ``tick``, shard by shard; one that fails stops none.

    What waits for a server to come back is done with the next tick, and only logged.

    Raises:
        ExceptionGroup: of what went wrong in which shard.
    """
    # Beat imports this file for the names of its tasks only, and is to start soon.
    from engagement_conductor.pipeline import score_shard

    close_old_connections()
    outages: list[Exception] = []
    failures: list[Exception] = []
    for shard in shards:
        try:
            score_shard(client(), shard, tick)
        except OUTAGES as error:
            error.add_note(f"shard {shard}, tick {tick}")
            (outages if is_outage(error) else failures).append(error)
            close_old_connections()
            look_up_nodes_again()
    if outages:
        with log_context(tick=tick, shards=len(outages)):
            log_failure(logger, "The tick waits in some shards", outages[0])
    if failures:
        raise ExceptionGroup(f"{len(failures)} of {len(shards)} shards were not scored", failures)


@shared_task(ignore_result=True)
def end_silent_sessions() -> None:
    """Ends sessions that were silent for half an hour, unless scoring itself lags behind."""
    now_tick = tick_at(server_time_ms(client()))
    scored = last_scored_tick(events_client(client()))
    if scored is None or now_tick - scored > SCORING_IS_CURRENT_TICKS:
        logger.warning("Scoring lags behind: no session is ended for its silence.")
        return
    close_old_connections()
    # A minute more than the scorer allows, because signs of life are stored by the minute.
    silence = timedelta(seconds=SILENCE_TICKS * TICK_SECONDS + 90)
    ended = mark_silent_sessions(timezone.now(), silence)
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
