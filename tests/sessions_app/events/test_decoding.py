"""Payloads, validated at the edge."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessions_app.events.decoding import (
    BadEventError,
    EventKind,
    Fault,
    PlatformEvent,
    decoder,
    has_control_characters,
)
from sessions_app.redis_access import keys
from tests.sessions_app.events.bad_payloads import BAD_CHAT

MESSAGE = {"id": "m1", "text": "hi", "authorId": "u1", "timestamp": "2026-11-22T10:00:00Z"}


def decode(channel: str, payload: Any) -> PlatformEvent:
    return decoder(channel)(json.dumps(payload).encode())


@pytest.mark.parametrize(
    ("channel", "payload", "expected"),
    [
        (
            keys.CHAT_MESSAGE,
            {"sessionId": "s", "eventId": "e", "message": MESSAGE, "more": [1]},
            PlatformEvent(EventKind.CHAT, "s", "e", "u1", b"m1"),
        ),
        (
            keys.POLL_VOTE,
            {"userId": "u", "pollId": "p", "optionId": "o", "sessionId": "s", "eventId": "e"},
            PlatformEvent(EventKind.VOTE, "s", "e", "u", b"p", "p"),
        ),
        (
            keys.POLL_CLOSED,
            {"pollId": "p", "sessionId": "s", "eventId": "e"},
            PlatformEvent(EventKind.POLL_CLOSED, "s", "e", "", b"p", "p"),
        ),
        (
            keys.POLL_CLOSED,
            {"poll": {"id": "p", "sessionId": "s", "options": []}, "userVotedForOptionId": None},
            PlatformEvent(EventKind.POLL_CLOSED, "s", None, "", b"p", "p"),
        ),
        (
            keys.SYNC_EVENTS,
            {"type": "user_join", "sessionId": "s", "eventId": "e", "userId": "u"},
            PlatformEvent(EventKind.JOIN, "s", "e", "u"),
        ),
        (
            keys.LIVE_SYNC,
            {"type": "user_leave", "sessionId": "s", "eventId": "e", "userId": "u"},
            PlatformEvent(EventKind.LEAVE, "s", "e", "u"),
        ),
        (
            keys.POLL_CLOSED,
            {"poll": {"id": "p", "sessionId": "s", "eventId": "e"}},
            PlatformEvent(EventKind.POLL_CLOSED, "s", "e", "", b"p", "p"),
        ),
        (
            keys.POLL_CLOSED,
            {"eventId": "f", "poll": {"id": "p", "sessionId": "s", "eventId": "e"}},
            PlatformEvent(EventKind.POLL_CLOSED, "s", "f", "", b"p", "p"),
        ),
        (
            keys.LIVE_REACTION,
            {"sessionId": "s", "userId": "u", "eventId": "e"},
            PlatformEvent(
                EventKind.REACTION,
                "s",
                "e",
                "u",
                b'{"sessionId": "s", "userId": "u", "eventId": "e"}',
            ),
        ),
        (
            keys.SYNC_EVENTS,
            {"type": "typing", "sessionId": "s", "userId": "u"},
            PlatformEvent(EventKind.USER_SIGN, "s", None, "u"),
        ),
        (
            keys.SYNC_EVENTS,
            {
                "type": "message_created",
                "resource": "MESSAGE",
                "action": "CREATED",
                "sessionId": "s",
                "eventId": "e",
                "payload": MESSAGE,
            },
            PlatformEvent(EventKind.CHAT, "s", "e", "u1", b"m1"),
        ),
        (
            keys.SYNC_EVENTS,
            {"resource": "MESSAGE", "action": "CREATED", "payload": {"sessionId": "s", **MESSAGE}},
            PlatformEvent(EventKind.CHAT, "s", None, "u1", b"m1"),
        ),
        (
            keys.SYNC_EVENTS,
            {"type": "message_created", "sessionId": "s", "payload": {"id": "m1"}},
            PlatformEvent(EventKind.CHAT, "s", None, "", b"m1"),
        ),
        (
            keys.SYNC_EVENTS,
            {"resource": "MESSAGE", "action": "UPDATED", "payload": {"sessionId": "s"}},
            PlatformEvent(EventKind.SESSION_SIGN, "s", None),
        ),
        (
            keys.SYNC_EVENTS,
            {"resource": "POLL", "payload": {"sessionId": "s", "eventId": "e"}},
            PlatformEvent(EventKind.SESSION_SIGN, "s", "e"),
        ),
        (
            keys.SYNC_EVENTS,
            {"resource": "POLL", "sessionId": "s", "payload": ["of another shape"]},
            PlatformEvent(EventKind.SESSION_SIGN, "s", None),
        ),
        (
            keys.SYNC_EVENTS,
            {"resource": "POLL", "action": "UPDATED", "payload": {"sessionId": "s", "id": 7}},
            PlatformEvent(EventKind.SESSION_SIGN, "s", None),
        ),
        (
            keys.SYNC_EVENTS,
            {"type": "session_ended", "sessionId": "s", "eventId": "e", "userId": "host"},
            PlatformEvent(EventKind.SESSION_ENDED, "s", "e"),
        ),
        (
            keys.LIVE_SYNC,
            {"type": "session_ended", "sessionId": "s"},
            PlatformEvent(EventKind.SESSION_ENDED, "s", None),
        ),
        (
            keys.SYNC_EVENTS,
            {"type": "confetti", "sessionId": "s", "userId": {"any": "thing"}},
            PlatformEvent(EventKind.SESSION_SIGN, "s", None),
        ),
    ],
)
def test_payload_counts_as_the_contract_says(
    channel: str, payload: Any, expected: PlatformEvent
) -> None:
    assert decode(channel, payload) == expected


@pytest.mark.parametrize("kind", ["reaction", "emoji"])
def test_reactions_are_known_by_their_whole_payload(kind: str) -> None:
    event = decode(keys.SYNC_EVENTS, {"type": kind, "sessionId": "s", "userId": "u"})
    assert (event.kind, event.user_id) == (EventKind.REACTION, "u")
    other = decode(keys.SYNC_EVENTS, {"type": kind, "sessionId": "s", "userId": "v"})
    assert event.subject != other.subject
    live = decode(keys.LIVE_REACTION, {"userId": "u", "sessionId": "s", "emoji": "x"})
    assert live.kind == EventKind.REACTION


@pytest.mark.parametrize(
    ("channel", "payload"),
    [
        (keys.CHAT_MESSAGE, {"message": MESSAGE}),
        (keys.POLL_VOTE, {"userId": "u", "pollId": "p"}),
        (keys.POLL_CLOSED, {"pollId": "p"}),
        (keys.LIVE_REACTION, {"userId": "u"}),
        (keys.SYNC_EVENTS, {"type": "typing", "userId": "u"}),
        (keys.SYNC_EVENTS, {"type": "message_created", "payload": MESSAGE}),
        (keys.SYNC_EVENTS, {"type": "session_ended"}),
    ],
)
def test_an_event_id_that_repeats_the_session_is_no_event_id(
    channel: str, payload: dict[str, Any]
) -> None:
    event = decode(channel, {"sessionId": "s", "eventId": "s", **payload})
    assert event.event_id is None
    assert decode(channel, {"sessionId": "s", "eventId": "e", **payload}).event_id == "e"


@pytest.mark.parametrize(
    "text", [r"\ud83d", r"cut \uD83D!", r"\ude00\ud83d", r"\\\ud83d\ud83d\ude00"]
)
def test_a_text_that_was_cut_within_an_emoji_counts(text: str) -> None:
    event = decoder(keys.CHAT_MESSAGE)(
        b'{"sessionId":"s","message":{"text":"%s","id":"m\\ud83d\\ude00","authorId":"\\\\ud83d"}}'
        % text.encode()
    )
    assert event == PlatformEvent(EventKind.CHAT, "s", None, r"\ud83d", "m😀".encode())


@pytest.mark.parametrize(
    ("fault", "payload", "reason"),
    [
        pytest.param(fault, *case, id=name)
        for fault, cases in BAD_CHAT.items()
        for name, case in cases.items()
    ],
)
def test_bad_payload_is_refused_with_its_fault_and_reason(
    fault: Fault, payload: bytes, reason: str
) -> None:
    with pytest.raises(BadEventError) as raised:
        decoder(keys.CHAT_MESSAGE)(payload)
    assert raised.value.fault is fault
    assert str(raised.value).startswith(reason)


def test_the_largest_payload_counts() -> None:
    rest = b'{"sessionId":"s","message":{"id":"m","authorId":"u"},"x":"%s"}'
    decode_chat = decoder(keys.CHAT_MESSAGE)
    assert decode_chat(rest % (b"x" * (65_538 - len(rest)))).subject == b"m"
    with pytest.raises(BadEventError, match="payload of 65537 bytes"):
        decode_chat(rest % (b"x" * (65_539 - len(rest))))


def test_ids_may_have_characters_that_do_not_print() -> None:
    for identifier in ("a\u00a0b", "a\u200db", "\ue000"):
        event = decode(keys.CHAT_MESSAGE, {"sessionId": identifier, "message": MESSAGE})
        assert event.session_id == identifier
        assert not has_control_characters(identifier)
    for identifier in ("a\x00", "\x7f", "\ud800"):
        assert has_control_characters(identifier)


@given(st.sampled_from(keys.CHANNELS), st.binary(max_size=200))
def test_no_bytes_whatever_break_the_decoder(channel: str, payload: bytes) -> None:
    try:
        decoder(channel)(payload)
    except BadEventError as error:
        assert str(error)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)
FIELDS = ("type", "sessionId", "eventId", "userId", "pollId", "message", "payload", "poll")


@given(
    st.sampled_from(keys.CHANNELS),
    st.dictionaries(st.sampled_from((*FIELDS, "resource", "action", "id")), json_values),
)
def test_what_passes_has_sound_ids(channel: str, payload: dict[str, Any]) -> None:
    try:
        event = decode(channel, payload)
    except BadEventError:
        return
    assert 1 <= len(event.session_id) <= 255
    assert all(ord(character) >= 32 for character in event.session_id + event.user_id)
