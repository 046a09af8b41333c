"""Windows that cannot be read are rebuilt from the metrics."""

import msgspec
import pytest
import redis

from sessions_app.redis_access import keys
from sessions_app.simulation.live.cast import CHARACTERS
from sessions_app.simulation.live.conference import Conference
from sessions_app.ticks import TICK_MS, tick_at
from tests.integration.test_oracle import FIRST_TICK, assert_equal, process, stored_rows, take
from tests.oracle import expected_rows
from tests.pipeline import collector

pytestmark = [pytest.mark.integration, pytest.mark.django_db(transaction=True)]


@pytest.mark.parametrize("unreadable", [b"of a later version", msgspec.msgpack.encode((99, 1))])
def test_every_row_is_right_although_the_windows_cannot_be_read(
    redis_client: redis.Redis, unreadable: bytes
) -> None:
    log = [
        (FIRST_TICK * TICK_MS + int(event.offset_s * 1000), event.channel, event.payload)
        for event in Conference(CHARACTERS, "conference", seed=2).events(duration_s=240)
    ]
    last = tick_at(log[-1][0])
    middle = (FIRST_TICK + last) // 2
    process(redis_client, [event for event in log if tick_at(event[0]) <= middle], [middle])
    for shard in range(keys.SHARD_COUNT):
        redis_client.set(keys.shard_windows(shard), unreadable)
    with collector() as running:
        take(redis_client, running, [each for each in log if tick_at(each[0]) > middle], last)
    assert_equal(stored_rows(), expected_rows(log, last))
