"""Payloads without what they need."""

from typing import Any

import pytest

from sessions_app.events.decoding import BadEventError
from sessions_app.redis_access import keys
from tests.sessions_app.events.test_decoding import decode


@pytest.mark.parametrize(
    ("channel", "payload"),
    [
        (keys.SYNC_EVENTS, {"type": "user_join", "sessionId": "s"}),
        (keys.SYNC_EVENTS, {"type": "user_join", "userId": "u"}),
        (keys.SYNC_EVENTS, {"type": "user_join", "sessionId": "s", "userId": 5}),
        (keys.SYNC_EVENTS, {"type": "heartbeat"}),
        (keys.SYNC_EVENTS, {"resource": "POLL", "action": "CREATED", "payload": {}}),
        (keys.SYNC_EVENTS, {"resource": "POLL", "action": "CREATED", "payload": []}),
        (keys.SYNC_EVENTS, {"type": "message_created", "sessionId": "s", "payload": {}}),
        (keys.POLL_VOTE, {"pollId": "p", "sessionId": "s"}),
        (keys.POLL_CLOSED, {"sessionId": "s"}),
        (keys.POLL_CLOSED, {"poll": {"id": "p"}}),
        (keys.LIVE_REACTION, {"sessionId": "s"}),
    ],
)
def test_incomplete_payload_is_refused(channel: str, payload: Any) -> None:
    with pytest.raises(BadEventError):
        decode(channel, payload)
