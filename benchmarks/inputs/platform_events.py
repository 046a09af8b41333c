"""Bulk events as the platform posts them: each kind with the fields that a bare loop decodes."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec
import redis

from sessions_app.redis_access import keys

USERS = 50_000
SEED = 1
PIPELINE_SIZE = 2_000
TIMESTAMP = "2026-11-22T10:15:05.000Z"


class _Message(msgspec.Struct, rename="camel"):
    id: str
    author_id: str


class _Chat(msgspec.Struct, rename="camel"):
    session_id: str
    message: _Message
    event_id: str | None = None


class _Vote(msgspec.Struct, rename="camel"):
    session_id: str
    poll_id: str
    user_id: str
    event_id: str | None = None


class _Closing(msgspec.Struct, rename="camel"):
    session_id: str
    poll_id: str
    event_id: str | None = None


class _UserEvent(msgspec.Struct, rename="camel"):
    """An event of a user without a subject."""

    session_id: str
    user_id: str
    type: str | None = None
    event_id: str | None = None


@dataclass(frozen=True)
class Kind:
    """A kind of event.

    Attributes:
        channel: stream it is posted to.
        payload: its fields besides the session, by number and user.
        struct: the fields that must be decoded.
    """

    channel: str
    payload: Callable[[int, str], dict[str, Any]]
    struct: type[msgspec.Struct]

    def decoder(self) -> Any:
        """A decoder of payloads into the struct."""
        return msgspec.json.Decoder(self.struct)

    def post(self, client: redis.Redis, events: int, sessions: int) -> None:
        """Posts ``events`` entries of random users and sessions to the stream."""
        random_numbers = random.Random(SEED)
        for start in range(0, events, PIPELINE_SIZE):
            with client.pipeline(transaction=False) as pipeline:
                for number in range(start, min(start + PIPELINE_SIZE, events)):
                    session = f"session-{random_numbers.randrange(sessions)}"
                    user = f"user-{random_numbers.randrange(USERS)}"
                    payload = {
                        "sessionId": session,
                        "eventId": "event-1",
                        **self.payload(number, user),
                    }
                    pipeline.xadd(self.channel, {"data": msgspec.json.encode(payload)})
                pipeline.execute()


def _chat(number: int, user: str) -> dict[str, Any]:
    return {
        "message": {
            "id": f"message-{number}",
            "text": "x" * 110,
            "authorId": user,
            "timestamp": TIMESTAMP,
        }
    }


def _vote(number: int, user: str) -> dict[str, Any]:
    return {"pollId": f"poll-{number % 3}", "userId": user, "optionId": f"option-{number % 4}"}


def _closing(number: int, _: str) -> dict[str, Any]:
    return {"pollId": f"poll-{number}"}


def _reaction(_: int, user: str) -> dict[str, Any]:
    return {"userId": user, "emoji": "👏"}


def _presence(number: int, user: str) -> dict[str, Any]:
    kind = "user_leave" if number % 5 == 4 else "user_join"
    return {"type": kind, "userId": user, "timestamp": TIMESTAMP}


KINDS = {
    "chat": Kind(keys.CHAT_MESSAGE, _chat, _Chat),
    "vote": Kind(keys.POLL_VOTE, _vote, _Vote),
    "closing": Kind(keys.POLL_CLOSED, _closing, _Closing),
    "reaction": Kind(keys.LIVE_REACTION, _reaction, _UserEvent),
    "presence": Kind(keys.SYNC_EVENTS, _presence, _UserEvent),
}
