"""The embedded Valkey."""

import pytest
import redis

from engagement_conductor.local_stack import servers

pytestmark = pytest.mark.integration


def test_valkey_never_evicts_and_saves_every_second(data_dir):
    with (
        servers.running_pair(data_dir) as urls,
        redis.Redis.from_url(urls["redis"]) as client,
    ):
        assert client.config_get("maxmemory-policy", "appendonly", "appendfsync") == {
            "maxmemory-policy": "noeviction",
            "appendonly": "yes",
            "appendfsync": "everysec",
        }
        assert "pubsub 268435456" in client.config_get()["client-output-buffer-limit"]
