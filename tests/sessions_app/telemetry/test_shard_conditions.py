"""How shards do, as Redis remembers it."""

from typing import Any

import msgspec
import pytest
import redis

from dashboard.monitoring.health import shards_part
from sessions_app.redis_access import keys
from sessions_app.telemetry.shard_conditions import (
    forget_failure,
    note_failure,
    note_set_aside,
    read_failures,
    shard_conditions,
)
from sessions_app.telemetry.shard_seconds import (
    end_work,
)

pytestmark = pytest.mark.integration


def part(client: "redis.Redis") -> dict[str, Any]:
    return shards_part(msgspec.to_builtins(shard_conditions(client, client)))


def set_scored(client: "redis.Redis", **behind: int) -> None:
    ticks = {shard: 100 - behind.get(f"shard_{shard}", 0) for shard in range(keys.SHARD_COUNT)}
    client.mset({keys.scored_tick(shard): tick for shard, tick in ticks.items()})


def test_failures_are_counted_in_a_row_and_by_stage(redis_client: "redis.Redis") -> None:
    counts = [note_failure(redis_client, 3, "advance", tick, "why").count for tick in (7, 7, 7)]
    assert counts == [1, 2, 3]
    assert note_failure(redis_client, 3, "store", 7, "why").count == 1
    note_failure(redis_client, 4, "read", 9, "why not")
    found = read_failures(redis_client)
    assert {shard: (each.stage, each.count, each.tick) for shard, each in found.items()} == {
        3: ("store", 1, 7),
        4: ("read", 1, 9),
    }
    forget_failure(redis_client, 3)
    assert set(read_failures(redis_client)) == {4}


def test_what_cannot_be_read_is_left_out(redis_client: "redis.Redis") -> None:
    for key in (keys.SHARD_FAILURES, keys.SHARDS_SET_ASIDE, keys.SHARDS_AT_WORK):
        redis_client.hset(key, mapping={"3": "junk", "junk": "junk"})
    redis_client.hset(keys.SHARD_SECONDS, mapping={"3": "junk", "junk": "1"})
    redis_client.set(keys.scored_tick(3), "junk")
    condition = shard_conditions(redis_client, redis_client)[3]
    assert msgspec.structs.astuple(condition) == (3, None, None, False, None, None, None)


def test_health_tells_which_shard_has_which_trouble(redis_client: "redis.Redis") -> None:
    set_scored(redis_client)
    assert part(redis_client) == {"ok": True, "count": 16, "troubled": [], "reasons": []}
    set_scored(redis_client, shard_2=3, shard_9=40)
    note_failure(redis_client, 1, "advance", 100, "ValueError: odd")
    end_work(redis_client, 9, 30.0, 0.0)
    note_set_aside(redis_client, 12, "state", "ValueError: odd")
    found = part(redis_client)
    assert not found["ok"]
    assert found["reasons"] == [
        "shard 1 has failed once (advance: ValueError: odd)",
        "shard 9 is slow (15.0 s a tick), is 40 ticks behind",
        "shard 12 had its state set aside (ValueError: odd)",
    ]
    assert [trouble["ticks_behind"] for trouble in found["troubled"]] == [0, 40, 0]
