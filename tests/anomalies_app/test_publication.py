"""What the platform is told of anomalies, on a real server."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
import redis

from anomalies_app import publication
from anomalies_app.publication import publish_changes
from anomalies_app.records import AnomalyChange, Change, SignalMove
from sessions_app.redis_access import keys
from sessions_app.scoring.points import SignalValues

pytestmark = pytest.mark.integration

BEGAN_AT = datetime(2026, 11, 22, 10, 15, 5, tzinfo=UTC)
LATER = datetime(2026, 11, 22, 10, 16, tzinfo=UTC)
ID = UUID("00000000-0000-4000-8000-000000000001")
DETECTED = {
    "timestamp": "2026-11-22T10:15:05+00:00",
    "sessionId": "talk-1",
    "eventId": "conference",
    "id": str(ID),
    "type": "SUDDEN_DROP",
    "severity": "WARNING",
    "anomalyScore": 0.71,
    "currentEngagement": 0.35,
    "expectedEngagement": 0.61,
    "deviation": 0.26,
    "signals": {
        "chat_msgs_per_min": 14.0,
        "poll_participation": 0.4,
        "active_users": 120,
        "total_users": 150,
        "reactions_per_min": 3.0,
        "user_leave_rate": 0.01,
    },
    "reason": "Chat fell from 42 to 9 a minute.",
}


def notice(change: Change = Change.BEGAN, **fields: Any) -> AnomalyChange:
    usual = {
        "id": ID,
        "change": change,
        "session_id": 1,
        "event_id": 2,
        "external_id": "talk-1",
        "event_external_id": "conference",
        "began_at": BEGAN_AT,
        "changed_at": BEGAN_AT if change is Change.BEGAN else LATER,
        "ended_at": LATER if change is Change.ENDED else None,
        "type": "SUDDEN_DROP",
        "severity": "WARNING",
        "anomaly_score": 0.71,
        "current_engagement": 0.35,
        "expected_engagement": 0.61,
        "reason": "Chat fell from 42 to 9 a minute.",
        "signals": SignalValues(14.0, 0.4, 120, 150, 3.0, 0.01),
        "moved": SignalMove("chat_msgs_per_min", 42.0, 9.0, 40),
    }
    return AnomalyChange(**{**usual, **fields})


class Platform:
    """Listens on both channels."""

    def __init__(self, subscription: Any) -> None:
        self.subscription = subscription

    def heard(self) -> list[tuple[str, dict[str, Any]]]:
        """The channels and payloads of all that came since the last call."""
        messages = []
        while message := self.subscription.get_message(timeout=0.2):
            messages.append((message["channel"].decode(), json.loads(message["data"])))
        return messages


@pytest.fixture
def platform(redis_client: redis.Redis) -> Iterator[Platform]:
    with redis_client.pubsub() as subscription:
        subscription.subscribe(keys.ANOMALY_DETECTED, keys.ANOMALY_UPDATED)
        assert [subscription.get_message(timeout=5)["type"] for _ in range(2)] == ["subscribe"] * 2
        yield Platform(subscription)


def test_a_beginning_is_told_as_the_contract_says(
    redis_client: redis.Redis, platform: Platform
) -> None:
    publish_changes(redis_client, [notice()])
    assert platform.heard() == [(keys.ANOMALY_DETECTED, DETECTED)]


def test_escalation_and_end_are_told_on_a_channel_of_their_own(
    redis_client: redis.Redis, platform: Platform
) -> None:
    worse = notice(Change.ESCALATED, severity="CRITICAL", type="MASS_EXIT", anomaly_score=0.9)
    publish_changes(redis_client, [worse, notice(Change.ENDED, changed_at=LATER)])
    now = {"timestamp": "2026-11-22T10:16:00+00:00"}
    got_worse = {"severity": "CRITICAL", "type": "MASS_EXIT", "anomalyScore": 0.9}
    assert platform.heard() == [
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
    redis_client: redis.Redis, platform: Platform
) -> None:
    changes = [notice(change) for change in Change]
    publish_changes(redis_client, changes[:1])
    publish_changes(redis_client, changes)
    publish_changes(redis_client, changes)
    assert [message.get("change") for _, message in platform.heard()] == [
        None,
        "ESCALATED",
        "ENDED",
    ]


def test_an_anomaly_may_escalate_twice(redis_client: redis.Redis, platform: Platform) -> None:
    earlier = notice(Change.ESCALATED, changed_at=BEGAN_AT.replace(second=10))
    publish_changes(redis_client, [earlier])
    publish_changes(redis_client, [notice(Change.ESCALATED)])
    assert len(platform.heard()) == 2


def test_the_memory_of_what_was_told_is_bounded(redis_client: redis.Redis) -> None:
    publish_changes(redis_client, [notice()])
    [name] = redis_client.keys()
    assert 0 < redis_client.ttl(name) <= publication.MEMORY_SECONDS


def test_many_are_told_in_order_and_none_of_nothing(
    redis_client: redis.Redis, platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publication, "CHUNK", 3)
    publish_changes(redis_client, [])
    publish_changes(redis_client, [notice(id=UUID(int=number)) for number in range(7)])
    assert [UUID(message["id"]).int for _, message in platform.heard()] == [*range(7)]


def test_a_session_without_an_event_is_its_own(
    redis_client: redis.Redis, platform: Platform
) -> None:
    publish_changes(redis_client, [notice(event_external_id="")])
    [(_, message)] = platform.heard()
    assert message["eventId"] == "talk-1"
