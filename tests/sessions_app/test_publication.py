"""What the platform is told each tick."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
import redis

from sessions_app import publication
from sessions_app.publication import engagement_update, publish_updates, wire_time
from sessions_app.scoring.points import SessionPoint
from tests.factories import SIGNALS_ON_WIRE, make_point, unsaved_session
from tests.pipeline import updates_told

NOON = datetime(2026, 11, 22, 12, 0, 5, tzinfo=UTC)


def point(number: int, **event: str) -> SessionPoint:
    return make_point(unsaved_session(number, **event), 0.5, NOON)


def heard(client: redis.Redis, points: list[SessionPoint]) -> list[dict[str, Any]]:
    with updates_told(client) as told:
        publish_updates(client, points)
    return told


def test_an_update_has_the_shape_of_the_contract() -> None:
    assert json.loads(engagement_update(point(7), wire_time(NOON))) == {
        "timestamp": "2026-11-22T12:00:05+00:00",
        "sessionId": "s7",
        "eventId": "conference",
        "score": 0.5,
        "category": "MODERATE",
        "signals": SIGNALS_ON_WIRE,
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
