"""Logs that cannot be written: whoever asks how the product is, is told, as no log says it."""

import time
from collections.abc import Mapping

import redis

from sessions_app.redis_access import keys
from sessions_app.telemetry.counters import LOST_LOG_LINES, named, queue_figures

# Whoever keeps the logs says so again more often than that, for as long as it lasts.
LIFETIME_SECONDS = 30


def note_unwritten_logs(
    client: "redis.Redis", host: str, lost: Mapping[str, int], problems: Mapping[str, str]
) -> None:
    """Notes what a machine's logs lack.

    Args:
        host: the machine.
        lost: lines by process that have been lost since the last call.
        problems: why the log of a process is not written just now.

    Raises:
        redis.RedisError: Redis does not answer; nothing is noted.
    """
    expiry = time.time() + LIFETIME_SECONDS
    with client.pipeline(transaction=True) as pipeline:
        queue_figures(pipeline, {named(LOST_LOG_LINES, name): n for name, n in lost.items()})
        for name, reason in problems.items():
            pipeline.zadd(keys.UNWRITTEN_LOGS, {f"{name} on {host}: {reason}": expiry})
        pipeline.expire(keys.UNWRITTEN_LOGS, LIFETIME_SECONDS)
        pipeline.execute()


def unwritten_logs(client: "redis.Redis") -> list[str]:
    """Which logs are not written just now, with the reason.

    Raises:
        redis.RedisError: Redis does not answer.
    """
    noted = client.zrangebyscore(keys.UNWRITTEN_LOGS, time.time(), "+inf")
    return sorted(each.decode() for each in noted)
