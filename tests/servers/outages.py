"""Servers that refuse for a while, as in maintenance or when they are full."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import redis


@contextmanager
def locked(database_url: str, table: str = "engagement_metrics") -> Iterator[None]:
    """A table that no other connection can read."""
    with psycopg.connect(database_url) as link:
        link.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
        yield


@contextmanager
def full(client: "redis.Redis") -> Iterator[None]:
    """A server without room for anything more."""
    client.config_set("maxmemory", "1")
    try:
        yield
    finally:
        client.config_set("maxmemory", "0")
