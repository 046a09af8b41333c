"""The watermark: up to when collectors have read, which tells a silent room from a stuck collector.

Unlike in most stream processors, it is not stored but derived from Redis; for the concept see "The
Dataflow Model" (Akidau et al., VLDB 2015).
"""

from typing import Any

import redis

from sessions_app.redis_access import keys
from sessions_app.redis_access.client import cluster_client


def has_passed(client: "redis.Redis", end_ms: int) -> bool:
    """Whether every event that reached Redis before ``end_ms`` was delivered to the scorer.

    False while no collector is running, as a silent room then looks like a stuck collector.
    """
    if not _collectors_have_read(client, end_ms):
        return False
    events = cluster_client(client)
    return (
        _streams_are_delivered(events, end_ms)
        # Checked last: entries are pending from being read until they are delivered.
        and _streams_are_acknowledged(events, end_ms)
    )


def _collectors_have_read(client: "redis.Redis", end_ms: int) -> bool:
    with client.pipeline(transaction=False) as pipeline:
        pipeline.zrange(keys.COLLECTORS, -1, -1, withscores=True)
        pipeline.exists(keys.SUBSCRIBER_LEASE)
        pipeline.get(keys.SUBSCRIBER_READ)
        latest, leased, subscriber_ms = pipeline.execute()
    if not latest or latest[0][1] < end_ms:
        return False
    return not leased or int(subscriber_ms or 0) >= end_ms


def _streams_are_delivered(client: "redis.Redis", end_ms: int) -> bool:
    groups = _on_every_stream(client, lambda pipeline, name: pipeline.xinfo_groups(name))
    delivered = []
    for found in groups:
        ours = [group for group in found if group["name"] == keys.CONSUMER_GROUP.encode()]
        if not ours:
            return False
        delivered.append(ours[0]["last-delivered-id"].decode())
    with client.pipeline(transaction=False) as pipeline:
        for name, last in zip(keys.CHANNELS, delivered, strict=True):
            pipeline.xrange(name, min=f"({last}", max=f"({end_ms}-0", count=1)
        return not any(pipeline.execute())


def _streams_are_acknowledged(client: "redis.Redis", end_ms: int) -> bool:
    pending = _on_every_stream(
        client, lambda pipeline, name: pipeline.xpending(name, keys.CONSUMER_GROUP)
    )
    return all(
        summary["min"] is None or int(summary["min"].partition(b"-")[0]) >= end_ms
        for summary in pending
    )


def _on_every_stream(client: "redis.Redis", queue: Any) -> list[Any]:
    with client.pipeline(transaction=False) as pipeline:
        for name in keys.CHANNELS:
            queue(pipeline, name)
        try:
            return pipeline.execute()
        except redis.ResponseError as error:
            if any(word in str(error) for word in ("NOGROUP", "no such key")):
                return [[] for _ in keys.CHANNELS]
            raise
