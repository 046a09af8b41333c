"""Logs that cannot be written: reported over Redis, as the logs themselves cannot say so."""

import time
from collections.abc import Mapping

import redis

from sessions_app.redis_access import keys
from sessions_app.telemetry.counters import LOST_LOG_LINES, named, queue_counters

# The log writer repeats its report more often than this while the problem lasts.
LIFETIME_SECONDS = 30


def note_unwritten_logs(
    client: "redis.Redis", host: str, lost: Mapping[str, int], problems: Mapping[str, str]
) -> None:
    """Records lost lines and unwritable logs of a machine.

    Args:
        host: the machine.
        lost: lines lost since the last call, by process.
        problems: why a log cannot be written at the moment, by process.

    Raises:
        redis.RedisError: Redis does not answer; nothing is recorded.
    """
    expiry = time.time() + LIFETIME_SECONDS
    with client.pipeline(transaction=True) as pipeline:
        queue_counters(pipeline, {named(LOST_LOG_LINES, name): n for name, n in lost.items()})
        for name, reason in problems.items():
            pipeline.zadd(keys.UNWRITTEN_LOGS, {f"{name} on {host}: {reason}": expiry})
        pipeline.expire(keys.UNWRITTEN_LOGS, LIFETIME_SECONDS)
        pipeline.execute()


def unwritten_logs(client: "redis.Redis") -> list[str]:
    """The logs that cannot be written at the moment, with reasons.

    Raises:
        redis.RedisError: Redis does not answer.
    """
    reported = client.zrangebyscore(keys.UNWRITTEN_LOGS, time.time(), "+inf")
    return sorted(each.decode() for each in reported)
