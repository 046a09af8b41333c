"""Payloads without what they need."""

from typing import Any

import pytest

from sessions_app.events.decoding import BadEventError, Fault
from sessions_app.redis_access import keys
from tests.sessions_app.events.test_decoding import decode


@pytest.mark.parametrize(
    ("channel", "payload", "reason"),
    [
        (keys.SYNC_EVENTS, {"type": "user_join", "sessionId": "s"}, "Expected `str`, got `null`"),
        (keys.SYNC_EVENTS, {"type": "user_join", "userId": "u"}, "no sessionId"),
        (
            keys.SYNC_EVENTS,
            {"type": "user_join", "sessionId": "s", "userId": 5},
            "Expected `str`, got `int`",
        ),
        (keys.SYNC_EVENTS, {"type": "heartbeat"}, "no sessionId"),
        (
            keys.SYNC_EVENTS,
            {"resource": "POLL", "action": "CREATED", "payload": {}},
            "no sessionId",
        ),
        (
            keys.SYNC_EVENTS,
            {"resource": "POLL", "action": "CREATED", "payload": []},
            "Expected `object | null`, got `array`",
        ),
        (
            keys.SYNC_EVENTS,
            {"type": "message_created", "sessionId": "s", "payload": {}},
            "a created message without its id",
        ),
        (
            keys.POLL_VOTE,
            {"pollId": "p", "sessionId": "s"},
            "Object missing required field `userId`",
        ),
        (keys.POLL_CLOSED, {"sessionId": "s"}, "neither pollId and sessionId nor a poll"),
        (
            keys.POLL_CLOSED,
            {"poll": {"id": "p"}},
            "Object missing required field `sessionId` - at `$.poll`",
        ),
        (keys.LIVE_REACTION, {"sessionId": "s"}, "Object missing required field `userId`"),
    ],
)
def test_incomplete_payload_is_refused(channel: str, payload: Any, reason: str) -> None:
    with pytest.raises(BadEventError) as raised:
        decode(channel, payload)
    assert raised.value.fault is Fault.WRONG_SHAPE
    assert str(raised.value) == reason
