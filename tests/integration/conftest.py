"""Servers that several modules of these tests need."""

from collections.abc import Iterator
from typing import Any

import pytest
import redis

from sessions_app.redis_access.client import events_client, look_up_nodes_again
from tests.valkey_cluster import Cluster, running_cluster


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster; to be emptied by whoever uses it."""
    with running_cluster(tmp_path_factory.mktemp("cluster")) as cluster:
        yield cluster


@pytest.fixture(params=["server", "cluster"])
def empty_events(
    request: pytest.FixtureRequest, redis_client: redis.Redis, settings: Any
) -> Iterator[Any]:
    """A client of where the streams are, all of it empty: a server, and then a cluster."""
    if request.param == "cluster":
        settings.REDIS_CLUSTER_URL = request.getfixturevalue("running").url
    client = events_client(redis_client)
    client.flushall()
    yield client
    look_up_nodes_again()
