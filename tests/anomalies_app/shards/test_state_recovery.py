"""A detector's state that was lost."""

import pytest
import redis

from anomalies_app.models import Anomaly
from sessions_app.redis_access import keys
from sessions_app.ticks import tick_end
from tests.anomalies_app.conftest import messages
from tests.anomalies_app.shards.conftest import EXIT_TICK, Room

pytestmark = [pytest.mark.integration, pytest.mark.django_db(transaction=True)]


@pytest.mark.parametrize("lost", [b"", b"not a state"])
def test_a_lost_state_is_rebuilt_from_the_metrics(room: Room, lost: bytes) -> None:
    room.score(EXIT_TICK - 1)
    for shard in range(keys.SHARD_COUNT):
        room.client.set(keys.shard_detector(shard), lost)
    room.score(EXIT_TICK + 3)
    assert Anomaly.objects.get().time == tick_end(room.first + EXIT_TICK)


def test_an_open_episode_goes_on_after_the_state_is_lost(
    room: Room, told: redis.client.PubSub
) -> None:
    room.score(EXIT_TICK + 1)
    began = Anomaly.objects.get()
    for shard in range(keys.SHARD_COUNT):
        room.client.delete(keys.shard_detector(shard))
    room.score(EXIT_TICK + 37)
    anomaly = Anomaly.objects.get()
    assert (anomaly.pk, anomaly.time) == (began.pk, began.time)
    assert anomaly.ended_at is not None
    assert [name for name, _ in messages(told)].count(keys.ANOMALY_DETECTED) == 1
