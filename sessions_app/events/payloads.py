"""The shapes of the platform's payloads, with the fields that are read.

Names are the platform's. Unknown fields are skipped; wrong types and IDs of a wrong length raise
``msgspec.MsgspecError`` with the path of the field.
"""

from typing import Annotated

import msgspec

Identifier = Annotated[str, msgspec.Meta(min_length=1, max_length=255)]


class MessageBody(msgspec.Struct, gc=False):
    id: Identifier
    authorId: Identifier


class ChatMessage(msgspec.Struct, gc=False):
    sessionId: Identifier
    message: MessageBody
    eventId: Identifier | None = None


class PollVote(msgspec.Struct, gc=False):
    sessionId: Identifier
    userId: Identifier
    pollId: Identifier
    eventId: Identifier | None = None


class Poll(msgspec.Struct, gc=False):
    id: Identifier
    sessionId: Identifier
    eventId: Identifier | None = None


class PollClosed(msgspec.Struct, gc=False):
    sessionId: Identifier | None = None
    pollId: Identifier | None = None
    eventId: Identifier | None = None
    poll: Poll | None = None


class Reaction(msgspec.Struct, gc=False):
    sessionId: Identifier
    userId: Identifier
    eventId: Identifier | None = None


class Sync(msgspec.Struct, gc=False):
    type: str | None = None
    resource: str | None = None
    action: str | None = None
    sessionId: Identifier | None = None
    eventId: Identifier | None = None
    userId: msgspec.Raw = msgspec.Raw(b"null")
    payload: msgspec.Raw = msgspec.Raw(b"null")


class SyncPayload(msgspec.Struct, gc=False):
    sessionId: Identifier | None = None
    eventId: Identifier | None = None


class SyncMessage(SyncPayload, gc=False):
    id: Identifier | None = None
    authorId: Identifier | None = None


decode_chat = msgspec.json.Decoder(ChatMessage).decode
decode_vote = msgspec.json.Decoder(PollVote).decode
decode_closed = msgspec.json.Decoder(PollClosed).decode
decode_reaction = msgspec.json.Decoder(Reaction).decode
decode_sync = msgspec.json.Decoder(Sync).decode
decode_sync_payload = msgspec.json.Decoder(SyncPayload | None).decode
decode_sync_message = msgspec.json.Decoder(SyncMessage | None).decode
decode_user = msgspec.json.Decoder(Identifier).decode
