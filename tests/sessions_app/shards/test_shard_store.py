"""A shard's state on Redis, when workers get into each other's way."""

import pytest
import redis

from sessions_app.redis_access import keys
from sessions_app.shards.shard_store import ShardStore

pytestmark = pytest.mark.integration

SHARD = 3


@pytest.mark.parametrize(("finished", "left"), [(7, None), (6, b"results of tick 7")])
def test_only_the_last_tick_clears_the_outbox(
    redis_client: "redis.Redis", finished: int, left: bytes | None
) -> None:
    redis_client.set(keys.scored_tick(SHARD), 7)
    redis_client.set(keys.shard_outbox(SHARD), b"results of tick 7")
    ShardStore(redis_client, SHARD).clear_outbox(finished)
    assert redis_client.get(keys.shard_outbox(SHARD)) == left
