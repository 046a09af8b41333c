"""Keys of ours that hold a value of another type: moved aside, so that they block nobody.

They are kept for seven days, counted and logged.
"""

import logging
import re
from collections.abc import Mapping
from typing import Any

import redis

from sessions_app.redis_access import keys
from sessions_app.redis_access.client import cluster_client
from sessions_app.shards.quarantine import report_set_aside
from sessions_app.telemetry.counters import SET_ASIDE, named
from sessions_app.telemetry.shard_conditions import SET_ASIDE_LIFETIME_SECONDS

logger = logging.getLogger(__name__)

MISPLACED = "misplaced"
# Scripts, to check and rename atomically: the key may be recreated in between.
_MOVE_OTHER_TYPE = """
local found = redis.call('TYPE', KEYS[1]).ok
if found == 'none' or found == ARGV[2] then return 0 end
redis.call('RENAME', KEYS[1], KEYS[2])
return redis.call('EXPIRE', KEYS[2], ARGV[1])
"""
_MOVE_ENDLESS = """
if redis.call('TTL', KEYS[1]) ~= -1 then return 0 end
redis.call('RENAME', KEYS[1], KEYS[2])
return redis.call('EXPIRE', KEYS[2], ARGV[1])
"""
# Hashes of counters, and the values their fields may have.
_COUNTERS = {
    keys.COLLECTOR_TOTALS: re.compile(rb"-?[0-9]{1,18}"),
    keys.COUNTERS: re.compile(rb"-?[0-9]+(\.[0-9]+)?(e[+-]?[0-9]+)?"),
}


def move_misplaced(client: "redis.Redis") -> None:
    """Moves keys whose type is not that of :data:`sessions_app.redis_access.keys.TYPES`.

    Drops counters that are not numbers, since nobody could add to them any more.

    Args:
        client: of the server of ``REDIS_URL``.

    Raises:
        redis.RedisError: Redis does not answer.
    """
    _move_by_type(client)
    for name, is_number in _COUNTERS.items():
        odd = [
            field for field, text in client.hgetall(name).items() if not is_number.fullmatch(text)
        ]
        if odd:
            client.hdel(name, *odd)
            client.hincrbyfloat(keys.COUNTERS, named(SET_ASIDE, MISPLACED), len(odd))
            logger.error("Dropped %d counters of %s that are not numbers.", len(odd), name)


def _move_by_type(client: "redis.Redis") -> None:
    cluster = cluster_client(client)
    letters = {keys.DEAD_LETTERS: keys.TYPES[keys.DEAD_LETTERS]}
    small = {name: kind for name, kind in keys.TYPES.items() if name not in letters}
    for server, types in ((client, small), (cluster, letters)):
        for name in _of_another_type(server, types):
            if _move(server, _MOVE_OTHER_TYPE, name, keys.misplaced(name), types[name]):
                client.hincrbyfloat(keys.COUNTERS, named(SET_ASIDE, MISPLACED), 1)
                logger.error(
                    "%s is not a %s: moved to %s.", name, types[name], keys.misplaced(name)
                )


def set_misplaced_aside(client: "redis.Redis", node: "redis.Redis", shard: int) -> None:
    """Does the same for the keys of a shard.

    Args:
        client: of the server of ``REDIS_URL``.
        node: the node with the shard.
        shard: its number; the caller holds its lock.

    Raises:
        redis.RedisError: Redis does not answer.
    """
    types = {name(shard): kind for name, kind in keys.SHARD_TYPES.items()}
    for key in _of_another_type(node, types):
        what = keys.part_of_shard(key)
        if _move(node, _MOVE_OTHER_TYPE, key, keys.set_aside(shard, what), types[key]):
            report_set_aside(client, shard, what, 1, f"is not a {types[key]}")


def set_endless_lock_aside(client: "redis.Redis", node: "redis.Redis", shard: int) -> None:
    """Moves a value in place of a shard's lock that never expires, as all our locks do.

    Args:
        client: of the server of ``REDIS_URL``.
        node: the node with the shard.
        shard: its number.

    Raises:
        redis.RedisError: Redis does not answer.
    """
    key = keys.shard_lock(shard)
    what = keys.part_of_shard(key)
    if _move(node, _MOVE_ENDLESS, key, keys.set_aside(shard, what)):
        report_set_aside(client, shard, what, 1, "never expires")


def move_endless_lane(client: "redis.Redis") -> None:
    """Does the same for the lock of the slow lane.

    Raises:
        redis.RedisError: Redis does not answer.
    """
    if _move(client, _MOVE_ENDLESS, keys.SLOW_LANE, keys.misplaced(keys.SLOW_LANE)):
        client.hincrbyfloat(keys.COUNTERS, named(SET_ASIDE, MISPLACED), 1)
        logger.error("%s never expires: moved aside.", keys.SLOW_LANE)


def _of_another_type(server: Any, types: Mapping[str, str]) -> list[str]:
    with server.pipeline(transaction=False) as pipeline:
        for name in types:
            pipeline.type(name)
        found = [kind.decode() for kind in pipeline.execute()]
    return [
        name
        for (name, expected), kind in zip(types.items(), found, strict=True)
        if kind not in ("none", expected)
    ]


def _move(server: Any, script: str, key: str, to: str, *arguments: str) -> bool:
    return bool(server.eval(script, 2, key, to, SET_ASIDE_LIFETIME_SECONDS, *arguments))
