"""Signs of life of the processes that send and do the ticks; collectors have their own."""

import redis

from sessions_app import keys
from sessions_app.streams import server_time_ms

BEAT = "beat"
WORKER = "worker"
PROCESSES = (BEAT, WORKER)


def note_heartbeat(client: "redis.Redis", process: str) -> None:
    """Notes that one of :data:`PROCESSES` works now, by the clock of Redis.

    Raises:
        redis.RedisError: Redis does not answer.
    """
    client.hset(keys.HEARTBEATS, process, server_time_ms(client))


def heartbeat_ages(client: "redis.Redis", now_ms: int) -> dict[str, float | None]:
    """How many seconds ago each process was last heard of; None for never."""
    times = client.hmget(keys.HEARTBEATS, list(PROCESSES))
    return {
        process: None if time is None else max(0, now_ms - int(time)) / 1000
        for process, time in zip(PROCESSES, times, strict=True)
    }
