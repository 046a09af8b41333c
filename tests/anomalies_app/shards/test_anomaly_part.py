"""Anomalies as a part of what a tick leads to."""

import pytest
import redis

from anomalies_app.models import Anomaly
from sessions_app.redis_access import keys
from sessions_app.ticks import tick_end
from tests.anomalies_app.conftest import messages
from tests.anomalies_app.shards.conftest import EXIT_TICK, STAYING, Room

pytestmark = [pytest.mark.integration, pytest.mark.django_db(transaction=True)]


def test_a_mass_exit_is_stored_and_told_once(room: Room, told: redis.client.PubSub) -> None:
    room.score(EXIT_TICK - 1)
    assert not Anomaly.objects.exists()
    for tick in range(EXIT_TICK, EXIT_TICK + 4):
        room.score(tick)
    anomaly = Anomaly.objects.get()
    assert anomaly.type == "MASS_EXIT"
    # So many have left that nobody waits for them to come back.
    assert anomaly.time == tick_end(room.first + EXIT_TICK)
    assert anomaly.reason.startswith("Active users fell from 40 to 12 in ")
    assert anomaly.ended_at is None
    assert (anomaly.session.external_id, anomaly.event.external_id) == ("s1", "e1")
    assert anomaly.metadata["moved"]["signal"] == "active_users"
    detected = [payload for name, payload in messages(told) if name == keys.ANOMALY_DETECTED]
    assert [(payload["id"], payload["type"]) for payload in detected] == [
        (str(anomaly.pk), "MASS_EXIT")
    ]
    assert detected[0]["signals"]["active_users"] == STAYING
    assert detected[0]["timestamp"] == anomaly.time.isoformat()


@pytest.mark.parametrize(
    "step",
    [
        "sessions_app.outcomes.session_parts.store_metrics",
        "anomalies_app.shards.anomaly_part.store_changes",
        "anomalies_app.shards.anomaly_part.publish_changes",
    ],
)
def test_a_tick_that_failed_while_it_was_told_is_told_once(
    room: Room, told: redis.client.PubSub, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    room.score(EXIT_TICK - 1)
    with monkeypatch.context() as broken:
        broken.setattr(step, _fail)
        with pytest.raises(redis.ConnectionError):
            room.score(EXIT_TICK)
    for _ in range(2):
        room.score(EXIT_TICK + 2)
    assert Anomaly.objects.count() == 1
    assert [name for name, _ in messages(told)] == [keys.ANOMALY_DETECTED]


def _fail(*args: object) -> None:
    raise redis.ConnectionError("gone")
