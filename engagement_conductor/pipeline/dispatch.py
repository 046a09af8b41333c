"""Plans a tick: which shards each task scores, once all its events have been collected."""

import logging
import time

import redis
from django.db import close_old_connections

from engagement_conductor.pipeline.lanes import Lanes, ShardLoad, plan
from sessions_app.ingest.watermark import has_passed
from sessions_app.redis_access import keys
from sessions_app.redis_access.client import cluster_client
from sessions_app.shards.database_epochs import advance_mark
from sessions_app.telemetry.log_context import log_context
from sessions_app.telemetry.once_a_minute import OnceAMinute, with_count
from sessions_app.telemetry.outages import SERVER_ERRORS, log_failure
from sessions_app.telemetry.readings import Readings
from sessions_app.telemetry.shard_conditions import scored_ticks
from sessions_app.telemetry.shard_seconds import read_seconds, shards_apart
from sessions_app.ticks import tick_end_ms

logger = logging.getLogger(__name__)

# Long enough for a busy collector, short enough to be over before the next tick.
WATERMARK_TIMEOUT_SECONDS = 4.0
WATERMARK_POLL_SECONDS = 0.02
# Sending a task costs about as much as scoring a small shard; more workers than this stay idle.
TASKS_PER_TICK = 4

_lines = OnceAMinute()


def plan_tick(client: "redis.Redis", tick: int) -> Lanes | None:
    """Which shards each task of a tick is to score; None while events of the tick are missing.

    Raises:
        redis.RedisError: Redis does not answer.
    """
    if not _wait_for_watermark(client, tick):
        with log_context(tick=tick):
            logger.warning("Tick %d is waiting: the collectors have not read past its end.", tick)
        return None
    _advance_mark(client)
    seconds = read_seconds(client)
    lanes = plan(_loads(client, seconds), shards_apart(seconds), TASKS_PER_TICK)
    if lanes.slow and (omitted := _lines.left_out(tuple(lanes.slow))) is not None:
        logger.warning("%s", with_count(f"Shards {lanes.slow} are in the slow lane", omitted))
    return lanes


def _wait_for_watermark(client: "redis.Redis", tick: int) -> bool:
    give_up_at = time.monotonic() + WATERMARK_TIMEOUT_SECONDS
    while not has_passed(client, tick_end_ms(tick)):
        if time.monotonic() >= give_up_at:
            return False
        time.sleep(WATERMARK_POLL_SECONDS)
    return True


def _advance_mark(client: "redis.Redis") -> None:
    """Best effort: while the database is down, the shards report it themselves."""
    close_old_connections()
    try:
        advance_mark(client)
    except SERVER_ERRORS as error:
        log_failure(logger, "The database's mark was not advanced", error)


def _loads(client: "redis.Redis", seconds: dict[int, float]) -> list[ShardLoad]:
    """The load of every shard, in the order of their numbers."""
    events = cluster_client(client)
    names = [keys.shard_windows(shard) for shard in range(keys.SHARD_COUNT)]
    with events.pipeline(transaction=False) as pipeline:
        for name in names:
            pipeline.strlen(name)
        sizes = Readings().answers(pipeline, names)
    return [
        ShardLoad(shard, size or 0, seconds.get(shard, 0.0), scored or 0)
        for shard, (size, scored) in enumerate(zip(sizes, scored_ticks(events), strict=True))
    ]
