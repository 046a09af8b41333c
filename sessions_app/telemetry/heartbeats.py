"""Heartbeats of beat and workers; collectors have their own."""

import redis

from sessions_app.redis_access import keys
from sessions_app.redis_access.client import server_time_ms

BEAT = "beat"
WORKER = "worker"
PROCESSES = (BEAT, WORKER)
# Recorded with its heartbeat by every worker that reads blocks with keyed identities.
_KEYED_WORKER = "worker-reads-keyed"
# A worker with an older heartbeat may be gone.
_FRESH_MS = 60_000


def note_heartbeat(client: "redis.Redis", process: str) -> None:
    """Records a heartbeat of one of :data:`PROCESSES`, by the clock of Redis.

    Raises:
        redis.RedisError: Redis does not answer.
    """
    now_ms = server_time_ms(client)
    beats = {process: now_ms}
    if process == WORKER:
        beats[_KEYED_WORKER] = now_ms
    client.hset(keys.HEARTBEATS, mapping=beats)


def reads_keyed_blocks(client: "redis.Redis", now_ms: int) -> bool:
    """Whether the most recent worker reads keyed blocks; True also if there was none recently.

    Raises:
        redis.RedisError: Redis does not answer.
    """
    last, keyed = client.hmget(keys.HEARTBEATS, [WORKER, _KEYED_WORKER])
    return last is None or last == keyed or now_ms - int(last) > _FRESH_MS


def heartbeat_ages(client: "redis.Redis", now_ms: int) -> dict[str, float | None]:
    """Age of the last heartbeat of each process in seconds; None if there was none."""
    times = client.hmget(keys.HEARTBEATS, list(PROCESSES))
    return {
        process: None if time is None else max(0, now_ms - int(time)) / 1000
        for process, time in zip(PROCESSES, times, strict=True)
    }
