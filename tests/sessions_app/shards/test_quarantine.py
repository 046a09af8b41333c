"""What is set aside is kept, counted and told."""

import pytest

from sessions_app.events.blocks import Mention
from sessions_app.redis_access import keys
from sessions_app.shards.remedies import REPEATS
from sessions_app.telemetry.counters import SET_ASIDE, read_counters
from sessions_app.telemetry.pipeline_status import pipeline_status
from tests.sessions_app.shards.test_remedies import bad_block, junk
from tests.two_shards import SHARD, TwoShards

pytestmark = [pytest.mark.integration, pytest.mark.django_db(transaction=True)]


@pytest.mark.parametrize(
    ("what", "key"),
    [
        ("windows", keys.shard_windows(SHARD)),
        ("detector", keys.shard_detector(SHARD)),
        ("outbox", keys.shard_outbox(SHARD)),
    ],
)
def test_state_that_cannot_be_read_is_kept_counted_and_told(
    stage: TwoShards, what: str, key: str
) -> None:
    junk(key)(stage.client, stage.tick)
    stage.play()
    assert stage.client.get(keys.set_aside(SHARD, what)) is not None
    assert read_counters(stage.client)[f"{SET_ASIDE}:{what}"] == 1
    told = pipeline_status(stage.client).shards[SHARD].set_aside
    assert told is not None
    assert told.what == what


def test_what_was_set_aside_is_kept_counted_and_told(stage: TwoShards) -> None:
    bad_block(Mention("NUL \0", None), 0)(stage.client, stage.tick)
    for _ in range(REPEATS + 1):
        stage.play()
    (kept,) = stage.client.lrange(keys.set_aside(SHARD, "blocks"), 0, -1)
    assert b"bad" in kept
    assert 0 < stage.client.ttl(keys.set_aside(SHARD, "blocks")) <= 7 * 86_400
    assert read_counters(stage.client)[f"{SET_ASIDE}:blocks"] == 1
    told = pipeline_status(stage.client).shards[SHARD].set_aside
    assert told is not None
    assert told.what == "blocks"
