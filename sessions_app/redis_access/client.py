"""Connections to Redis: every call has a timeout.

Small things, as leases and counters, are on the one server of ``REDIS_URL``. What grows with the
load, streams and shards, is on the nodes of ``REDIS_CLUSTER_URL`` if that is set.
"""

from typing import Any

import redis
from django.conf import settings
from redis import exceptions
from redis.backoff import NoBackoff
from redis.cluster import ClusterNode, RedisCluster
from redis.connection import parse_url
from redis.retry import Retry

from sessions_app.redis_access import keys
from sessions_app.redis_access.bounded_replies import BoundedParser, count_answers

# What Redis says while it is away, or its nodes change places; another attempt may succeed.
UNREACHABLE = (
    redis.ConnectionError,
    redis.TimeoutError,
    OSError,
    exceptions.AskError,  # MOVED, too
    exceptions.ClusterError,
    exceptions.RedisClusterException,
    exceptions.TryAgainError,
)

# All that a call of Redis raises, be it an outage or not: errors of a cluster are of other kinds.
REDIS_ERRORS: tuple[type[Exception], ...] = (redis.RedisError, *UNREACHABLE)

_clusters: dict[str, RedisCluster] = {}


def connect(**options: Any) -> "redis.Redis":
    """A client of the Redis server of the settings, which connects at its first call.

    It does not retry by itself: whoever calls knows what may be repeated.
    """
    options = {**_patience(), "parser_class": BoundedParser, **options}
    return redis.Redis.from_url(settings.REDIS_URL, **options)


def connect_to(url: str, seconds: float) -> "redis.Redis":
    """A client for a few calls to any server, without the settings; it does not retry either.

    Args:
        url: of the server.
        seconds: it waits at most for the connection, and for each answer.

    Raises:
        ValueError: the URL cannot be used.
    """
    return redis.Redis.from_url(
        url, socket_timeout=seconds, socket_connect_timeout=seconds, retry=Retry(NoBackoff(), 0)
    )


def events_client(client: "redis.Redis") -> Any:
    """A client of the nodes that hold streams and shards: ``client`` itself without a cluster.

    That of a cluster belongs to the process.

    Raises:
        redis.RedisError, redis.exceptions.RedisClusterException: no node answers.
    """
    url = settings.REDIS_CLUSTER_URL
    if not url:
        return client
    if url not in _clusters:
        _clusters[url] = _connect_to_cluster(url)
    return _clusters[url]


def shard_client(client: "redis.Redis", shard: int) -> "redis.Redis":
    """A client of the node that holds a shard, for transactions on its keys."""
    events = events_client(client)
    if events is client:
        return client
    node: redis.Redis = events.get_redis_connection(
        events.get_node_from_key(keys.scored_tick(shard))
    )
    return node


def server_time_ms(client: "redis.Redis") -> int:
    """Redis' own clock, which stamps the entries."""
    seconds, microseconds = client.time()
    return int(seconds) * 1000 + int(microseconds) // 1000


def look_up_nodes_again() -> None:
    """After a failure: shards may have moved to other nodes."""
    _clusters.clear()


def _connect_to_cluster(url: str) -> RedisCluster:
    places = [parse_url(part) for part in url.split(",")]
    options = {
        name: value for name, value in places[0].items() if name not in ("host", "port", "db")
    }
    nodes = [ClusterNode(place["host"], place.get("port", 6379)) for place in places]
    # RESP2, because the collector takes the answers as they come on the wire. Clients of a cluster
    # accept no parser, but a function that is called for each new connection.
    options |= {"protocol": 2, "redis_connect_func": count_answers}
    return RedisCluster(startup_nodes=nodes, **{**_patience(), **options})


def _patience() -> dict[str, Any]:
    timeout = settings.REDIS_SOCKET_TIMEOUT.total_seconds()
    return {
        "socket_timeout": timeout,
        "socket_connect_timeout": timeout / 2,
        "socket_keepalive": True,
        "retry": Retry(NoBackoff(), 0),
    }
