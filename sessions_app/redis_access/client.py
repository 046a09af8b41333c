"""Clients of Redis, with timeouts for every call.

Small data such as leases and counters is on the server of ``REDIS_URL``. Data that grows with the
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
from sessions_app.redis_access.bounded_replies import BoundedParser, count_reply_bytes

# Errors while Redis is unavailable or slots move between nodes; another attempt may succeed.
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
    """A client of the Redis server in the settings; it connects on its first call.

    It does not retry by itself: only callers know what may be repeated.
    """
    options = {**_timeouts(), "parser_class": BoundedParser, **options}
    return redis.Redis.from_url(settings.REDIS_URL, **options)


def connect_to(url: str, seconds: float) -> "redis.Redis":
    """A client for a few calls to any server, without the settings and without retries.

    Args:
        url: of the server.
        seconds: longest wait for the connection, and for each reply.

    Raises:
        ValueError: the URL cannot be used.
    """
    return redis.Redis.from_url(
        url, socket_timeout=seconds, socket_connect_timeout=seconds, retry=Retry(NoBackoff(), 0)
    )


def cluster_client(client: "redis.Redis") -> Any:
    """A client of the nodes with streams and shards; without a cluster, ``client`` itself.

    The client of a cluster is shared within the process.

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
    """A client of the node with a shard, for transactions on its keys."""
    cluster = cluster_client(client)
    if cluster is client:
        return client
    node: redis.Redis = cluster.get_redis_connection(
        cluster.get_node_from_key(keys.scored_tick(shard))
    )
    return node


def server_time_ms(client: "redis.Redis") -> int:
    """The time of the Redis server, which timestamps stream entries, in milliseconds."""
    seconds, microseconds = client.time()
    return int(seconds) * 1000 + int(microseconds) // 1000


def look_up_nodes_again() -> None:
    """Discovers the nodes again, as shards may have moved after a failure."""
    _clusters.clear()


def _connect_to_cluster(url: str) -> RedisCluster:
    addresses = [parse_url(part) for part in url.split(",")]
    options = {
        name: value for name, value in addresses[0].items() if name not in ("host", "port", "db")
    }
    nodes = [ClusterNode(address["host"], address.get("port", 6379)) for address in addresses]
    # RESP2, as the collector reads raw replies. A cluster client accepts no parser class, but a
    # function that is called for each new connection.
    options |= {"protocol": 2, "redis_connect_func": count_reply_bytes}
    return RedisCluster(startup_nodes=nodes, **{**_timeouts(), **options})


def _timeouts() -> dict[str, Any]:
    timeout = settings.REDIS_SOCKET_TIMEOUT.total_seconds()
    return {
        "socket_timeout": timeout,
        "socket_connect_timeout": timeout / 2,
        "socket_keepalive": True,
        "retry": Retry(NoBackoff(), 0),
    }
