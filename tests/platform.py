"""Payloads as sent by the platform, and functions to send them."""

import json
from typing import Any

import redis

from sessions_app.redis_access import keys

# No JSON, and neither for browsers nor for terminals.
HOSTILE_LETTER = b'{"sessionId":"<script>alert(1)</script>\x1b[2J'


def chat(message_id: str, author: str = "u1", session: str = "s1", **extra: Any) -> dict[str, Any]:
    return {"sessionId": session, "message": {"id": message_id, "authorId": author}, **extra}


def chat_sync(message_id: str, author: str = "u1", session: str = "s1") -> dict[str, Any]:
    return {
        "type": "message_created",
        "resource": "MESSAGE",
        "action": "CREATED",
        "sessionId": session,
        "payload": {"id": message_id, "authorId": author},
    }


def user(kind: str, user_id: str = "u1", session: str = "s1") -> dict[str, Any]:
    return {"type": kind, "sessionId": session, "userId": user_id}


def vote(user_id: str, poll: str = "p1", session: str = "s1") -> dict[str, Any]:
    return {"userId": user_id, "pollId": poll, "optionId": "o1", "sessionId": session}


def closed(poll: str = "p1", session: str = "s1") -> dict[str, Any]:
    return {"pollId": poll, "sessionId": session}


def ended(session: str = "s1", **extra: Any) -> dict[str, Any]:
    return {"type": "session_ended", "sessionId": session, **extra}


def post(
    client: "redis.Redis", channel: str, payload: Any, entry_id: str = "*", field: str = "data"
) -> bytes:
    """Adds an entry to a stream; a payload in bytes is sent unchanged."""
    data = payload if isinstance(payload, bytes) else json.dumps(payload)
    return client.xadd(channel, {field: data}, id=entry_id)


def publish(client: "redis.Redis", channel: str, payload: Any) -> int:
    data = payload if isinstance(payload, bytes) else json.dumps(payload)
    return client.publish(channel, data)


def post_chat(client: "redis.Redis", first: int, count: int, session: str = "s1") -> None:
    """Posts ``count`` chat messages with distinct IDs."""
    with client.pipeline(transaction=False) as pipeline:
        for number in range(first, first + count):
            message = chat(f"m{number}", f"u{number % 50}", session)
            pipeline.xadd(keys.CHAT_MESSAGE, {"data": json.dumps(message)})
        pipeline.execute()
