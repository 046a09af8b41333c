"""What the platform is told each tick."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
import redis

from sessions_app import publication
from sessions_app.publication import engagement_update, publish_updates, wire_time
from sessions_app.redis_access import keys
from sessions_app.scoring.points import SessionPoint, SignalValues

NOON = datetime(2026, 11, 22, 12, 0, 5, tzinfo=UTC)


def point(number: int, event: str = "event") -> SessionPoint:
    signals = SignalValues(14.0, 0.4, 120, 150, 3.0, 0.01)
    return SessionPoint(number, 1, f"s{number}", event, NOON, 0.5, "MODERATE", signals)


def heard(client: redis.Redis, points: list[SessionPoint]) -> list[dict[str, Any]]:
    with client.pubsub(ignore_subscribe_messages=True) as listener:
        listener.subscribe(keys.ENGAGEMENT_UPDATE)
        listener.get_message(timeout=5)
        publish_updates(client, points)
        messages = [listener.get_message(timeout=2) for _ in points]
        assert listener.get_message(timeout=0.1) is None
    return [json.loads(message["data"]) for message in messages]


def test_an_update_has_the_shape_of_the_contract() -> None:
    assert json.loads(engagement_update(point(7), wire_time(NOON))) == {
        "timestamp": "2026-11-22T12:00:05+00:00",
        "sessionId": "s7",
        "eventId": "event",
        "score": 0.5,
        "category": "MODERATE",
        "signals": {
            "chat_msgs_per_min": 14.0,
            "poll_participation": 0.4,
            "active_users": 120,
            "total_users": 150,
            "reactions_per_min": 3.0,
            "user_leave_rate": 0.01,
        },
    }


def test_a_session_without_an_event_is_its_own() -> None:
    assert json.loads(engagement_update(point(7, event=""), "now"))["eventId"] == "s7"


@pytest.mark.integration
def test_all_are_told_in_order_and_the_connection_can_be_used_again(
    redis_client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publication, "CHUNK", 3)
    told = heard(redis_client, [point(number) for number in range(8)])
    assert [update["sessionId"] for update in told] == [f"s{number}" for number in range(8)]
    assert redis_client.ping()
    assert heard(redis_client, []) == []


@pytest.mark.integration
def test_a_server_that_is_away_is_said(redis_client: redis.Redis) -> None:
    with redis.Redis(port=1) as away, pytest.raises(redis.ConnectionError):
        publish_updates(away, [point(1)])
