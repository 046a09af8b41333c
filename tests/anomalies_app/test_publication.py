"""What the platform is told of anomalies, on a real server."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
import redis

from anomalies_app import publication
from anomalies_app.publication import publish_changes
from anomalies_app.records import AnomalyChange, Change
from sessions_app.redis_access import keys
from tests.anomalies_app.conftest import messages
from tests.factories import SIGNALS_ON_WIRE, make_notice, unsaved_session

pytestmark = pytest.mark.integration

BEGAN_AT = datetime(2026, 11, 22, 10, 15, 5, tzinfo=UTC)
LATER = datetime(2026, 11, 22, 10, 16, tzinfo=UTC)
ID = UUID("00000000-0000-4000-8000-000000000001")
DETECTED = {
    "timestamp": "2026-11-22T10:15:05+00:00",
    "sessionId": "s1",
    "eventId": "conference",
    "id": str(ID),
    "type": "MASS_EXIT",
    "severity": "WARNING",
    "anomalyScore": 0.71,
    "currentEngagement": 0.35,
    "expectedEngagement": 0.61,
    "deviation": 0.26,
    "signals": SIGNALS_ON_WIRE,
    "reason": "Active users fell from 190 to 121 in 40 seconds.",
}


def notice(change: Change = Change.BEGAN, **fields: Any) -> AnomalyChange:
    changed_at = BEGAN_AT if change is Change.BEGAN else LATER
    usual = {"id": ID, "began_at": BEGAN_AT, "changed_at": changed_at}
    return make_notice(unsaved_session(1), change, **{**usual, **fields})


def test_a_beginning_is_told_as_the_contract_says(
    redis_client: redis.Redis, told: redis.client.PubSub
) -> None:
    publish_changes(redis_client, [notice()])
    assert messages(told) == [(keys.ANOMALY_DETECTED, DETECTED)]


def test_escalation_and_end_are_told_on_a_channel_of_their_own(
    redis_client: redis.Redis, told: redis.client.PubSub
) -> None:
    worse = notice(Change.ESCALATED, severity="CRITICAL", type="SUDDEN_DROP", anomaly_score=0.9)
    publish_changes(redis_client, [worse, notice(Change.ENDED, changed_at=LATER)])
    now = {"timestamp": "2026-11-22T10:16:00+00:00"}
    got_worse = {"severity": "CRITICAL", "type": "SUDDEN_DROP", "anomalyScore": 0.9}
    assert messages(told) == [
        (
            keys.ANOMALY_UPDATED,
            {**DETECTED, **now, **got_worse, "change": "ESCALATED", "endedAt": None},
        ),
        (
            keys.ANOMALY_UPDATED,
            {**DETECTED, **now, "change": "ENDED", "endedAt": now["timestamp"]},
        ),
    ]


def test_what_is_published_again_after_a_crash_is_told_once(
    redis_client: redis.Redis, told: redis.client.PubSub
) -> None:
    changes = [notice(change) for change in Change]
    publish_changes(redis_client, changes[:1])
    publish_changes(redis_client, changes)
    publish_changes(redis_client, changes)
    assert [message.get("change") for _, message in messages(told)] == [
        None,
        "ESCALATED",
        "ENDED",
    ]


def test_an_anomaly_may_escalate_twice(
    redis_client: redis.Redis, told: redis.client.PubSub
) -> None:
    earlier = notice(Change.ESCALATED, changed_at=BEGAN_AT.replace(second=10))
    publish_changes(redis_client, [earlier])
    publish_changes(redis_client, [notice(Change.ESCALATED)])
    assert len(messages(told)) == 2


def test_the_memory_of_what_was_told_is_bounded(redis_client: redis.Redis) -> None:
    publish_changes(redis_client, [notice()])
    [name] = redis_client.keys()
    assert 0 < redis_client.ttl(name) <= publication.MEMORY_SECONDS


def test_many_are_told_in_order_and_none_of_nothing(
    redis_client: redis.Redis, told: redis.client.PubSub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publication, "CHUNK", 3)
    publish_changes(redis_client, [])
    publish_changes(redis_client, [notice(id=UUID(int=number)) for number in range(7)])
    assert [UUID(message["id"]).int for _, message in messages(told)] == [*range(7)]


def test_a_session_without_an_event_is_its_own(
    redis_client: redis.Redis, told: redis.client.PubSub
) -> None:
    publish_changes(redis_client, [notice(event_external_id="")])
    [(_, message)] = messages(told)
    assert message["eventId"] == "s1"
