"""Decoding of platform events: from bytes on the wire to validated events.

The payloads are described in docs/platform.md. A payload of another shape raises
:class:`BadEventError` with a reason; unknown types and fields are accepted.
"""

import re
import unicodedata
from collections.abc import Callable
from enum import IntEnum, StrEnum

import msgspec

from sessions_app.events import payloads
from sessions_app.redis_access import keys

MAXIMUM_PAYLOAD_BYTES = 64 * 1024

# Escapes in JSON strings; ``half`` matches an unpaired surrogate.
_ESCAPES = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    rb"|(?P<half>\\u[dD][89a-fA-F][0-9a-fA-F]{2})"
    rb"|\\."
)


class EventKind(IntEnum):
    """Kinds of events. The numbers are stored: append, never renumber."""

    SESSION_SIGN = 0
    USER_SIGN = 1
    CHAT = 2
    REACTION = 3
    JOIN = 4
    LEAVE = 5
    VOTE = 6
    POLL_CLOSED = 7
    SESSION_ENDED = 8


class Fault(StrEnum):
    """Categories of faulty payloads, used as labels of counters."""

    NOT_JSON = "not_json"
    WRONG_SHAPE = "wrong_shape"
    BAD_ID = "bad_id"
    TOO_LARGE = "too_large"
    EMPTY = "empty"
    GIVEN_UP = "given_up"
    TOO_LATE = "too_late"
    UNEXPECTED = "unexpected"


class BadEventError(ValueError):
    """A payload that does not have the documented shape; the message says why."""

    def __init__(self, message: str, fault: Fault = Fault.WRONG_SHAPE) -> None:
        super().__init__(message)
        self.fault = fault


class PlatformEvent(msgspec.Struct, gc=False):
    """One validated event.

    Attributes:
        kind: an :class:`EventKind`.
        session_id: the platform's session ID.
        event_id: the platform's event ID, or None if unknown.
        user_id: the acting user, or an empty string.
        subject: distinguishes it from others of its kind: the ID of the message or poll, or the
            whole payload of a reaction; empty for none.
        poll_id: the platform's ID of the poll, or an empty string.
    """

    kind: int
    session_id: str
    event_id: str | None
    user_id: str = ""
    subject: bytes = b""
    poll_id: str = ""


_USER_KINDS = {
    "user_join": EventKind.JOIN,
    "user_leave": EventKind.LEAVE,
    "reaction": EventKind.REACTION,
    "emoji": EventKind.REACTION,
    "presence_update": EventKind.USER_SIGN,
    "typing": EventKind.USER_SIGN,
}
_SESSION_KINDS = {"session_ended": EventKind.SESSION_ENDED}


def _without_unpaired_surrogates(payload: bytes) -> bytes:
    """The payload with unpaired surrogates replaced by control characters.

    JavaScript produces them when it cuts a text within an emoji, but our decoder rejects them even
    in fields that it skips. In an ID, the control character is rejected just the same.
    """
    return _ESCAPES.sub(lambda escape: rb"\u0000" if escape["half"] else escape[0], payload)


def has_control_characters(identifier: str) -> bool:
    """Whether an ID has control characters or unpaired surrogates, which none may have."""
    # isprintable() is fast, but also rejects other characters, so a second check decides.
    return not identifier.isprintable() and any(
        unicodedata.category(character) in {"Cc", "Cs"} for character in identifier
    )


def _checked(identifier: str) -> str:
    # Checked here as well, which saves a call for nearly every ID of every event.
    if not identifier.isprintable() and has_control_characters(identifier):
        raise BadEventError("an ID has control characters", Fault.BAD_ID)
    return identifier


def _checked_event(event_id: str | None, session_id: str) -> str | None:
    """The event ID, or None if it merely repeats the session's ID, as it often does."""
    if event_id is None or event_id == session_id:
        return None
    return _checked(event_id)


def _chat(payload: bytes) -> PlatformEvent:
    body = payloads.decode_chat(payload)
    session_id = _checked(body.sessionId)
    return PlatformEvent(
        EventKind.CHAT,
        session_id,
        _checked_event(body.eventId, session_id),
        _checked(body.message.authorId),
        _checked(body.message.id).encode(),
    )


def _vote(payload: bytes) -> PlatformEvent:
    body = payloads.decode_vote(payload)
    session_id = _checked(body.sessionId)
    return PlatformEvent(
        EventKind.VOTE,
        session_id,
        _checked_event(body.eventId, session_id),
        _checked(body.userId),
        _checked(body.pollId).encode(),
        body.pollId,
    )


def _closed(payload: bytes) -> PlatformEvent:
    body = payloads.decode_closed(payload)
    if body.poll is not None:
        session_id, poll_id = body.sessionId or body.poll.sessionId, body.poll.id
        event_id = body.eventId or body.poll.eventId
    elif body.sessionId is not None and body.pollId is not None:
        session_id, poll_id, event_id = body.sessionId, body.pollId, body.eventId
    else:
        raise BadEventError("neither pollId and sessionId nor a poll")
    _checked(session_id)
    return PlatformEvent(
        EventKind.POLL_CLOSED,
        session_id,
        _checked_event(event_id, session_id),
        subject=_checked(poll_id).encode(),
        poll_id=poll_id,
    )


def _reaction(payload: bytes) -> PlatformEvent:
    body = payloads.decode_reaction(payload)
    session_id = _checked(body.sessionId)
    return PlatformEvent(
        EventKind.REACTION,
        session_id,
        _checked_event(body.eventId, session_id),
        _checked(body.userId),
        payload,
    )


def _sync(payload: bytes) -> PlatformEvent:
    body = payloads.decode_sync(payload)
    kind = _USER_KINDS.get(body.type or "")
    if kind is not None:
        return _user_event(kind, body, payload)
    if _is_message_created(body):
        return _sync_chat(body)
    return _session_event(body)


def _user_event(kind: EventKind, body: payloads.Sync, payload: bytes) -> PlatformEvent:
    if body.sessionId is None:
        raise BadEventError("no sessionId")
    session_id = _checked(body.sessionId)
    return PlatformEvent(
        kind,
        session_id,
        _checked_event(body.eventId, session_id),
        _checked(payloads.decode_user(body.userId)),
        payload if kind is EventKind.REACTION else b"",
    )


def _is_message_created(body: payloads.Sync) -> bool:
    if body.type is None:
        return body.resource == "MESSAGE" and body.action == "CREATED"
    return body.type == "message_created"


def _sync_chat(body: payloads.Sync) -> PlatformEvent:
    message = payloads.decode_sync_message(body.payload)
    if message is None or message.id is None:
        raise BadEventError("a created message without its id")
    session_id = _sync_session(body, message)
    return PlatformEvent(
        EventKind.CHAT,
        session_id,
        _checked_event(body.eventId or message.eventId, session_id),
        _checked(message.authorId or ""),
        _checked(message.id).encode(),
    )


def _session_event(body: payloads.Sync) -> PlatformEvent:
    kind = _SESSION_KINDS.get(body.type or "", EventKind.SESSION_SIGN)
    payload = None if body.sessionId else payloads.decode_sync_payload(body.payload)
    session_id = _sync_session(body, payload)
    event_id = body.eventId or (payload.eventId if payload else None)
    return PlatformEvent(kind, session_id, _checked_event(event_id, session_id))


def _sync_session(body: payloads.Sync, payload: payloads.SyncPayload | None) -> str:
    session_id = body.sessionId or (payload.sessionId if payload else None)
    if session_id is None:
        raise BadEventError("no sessionId")
    return _checked(session_id)


_DECODERS: dict[str, Callable[[bytes], PlatformEvent]] = {
    keys.CHAT_MESSAGE: _chat,
    keys.POLL_VOTE: _vote,
    keys.POLL_CLOSED: _closed,
    keys.SYNC_EVENTS: _sync,
    keys.LIVE_SYNC: _sync,
    keys.LIVE_REACTION: _reaction,
}


def decoder(channel: str) -> Callable[[bytes], PlatformEvent]:
    """The function that decodes the payloads of a channel.

    It takes the bytes of a payload, and raises :class:`BadEventError` with the reason if they are
    not a JSON object of the channel's shape.

    Raises:
        KeyError: not one of the platform's channels.
    """
    read = _DECODERS[channel]

    def decode(payload: bytes) -> PlatformEvent:
        if len(payload) > MAXIMUM_PAYLOAD_BYTES:
            raise BadEventError(
                f"payload of {len(payload)} bytes, over {MAXIMUM_PAYLOAD_BYTES}", Fault.TOO_LARGE
            )
        try:
            if not payload.isascii():
                payload.decode("utf-8")  # also validates fields that are skipped
            try:
                return read(payload)
            except msgspec.DecodeError:
                whole = _without_unpaired_surrogates(payload)
                if whole == payload:
                    raise
                return read(whole)
        except msgspec.ValidationError as error:
            raise BadEventError(str(error)) from error
        except (msgspec.MsgspecError, UnicodeError) as error:
            raise BadEventError(str(error), Fault.NOT_JSON) from error
        except RecursionError as error:
            raise BadEventError("nested too deeply", Fault.NOT_JSON) from error

    return decode
