"""Blocks of events: split, written, read and merged."""

import struct
from contextlib import suppress
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessions_app.events.batch_builder import BatchBuilder
from sessions_app.events.blocks import (
    BadBlockError,
    Block,
    NewerBlockError,
    decode_block,
    encode_block,
)
from sessions_app.events.decoding import EventKind, PlatformEvent
from sessions_app.events.identification import Identification, keyed_identity, unkeyed_identity
from sessions_app.events.merging import merge_tick
from sessions_app.ticks import TICK_MS
from tests.sessions_app.events.building import KEYED, build, entries


@given(entries)
def test_blocks_survive_their_bytes(items: list[tuple[str, int, int]]) -> None:
    for _, block in build(items):
        again = decode_block(encode_block(block))
        assert again[:3] == block[:3]
        assert again.events.tobytes() == block.events.tobytes()


NO_BLOCK = "not a block, or of a version no longer supported"


@pytest.mark.parametrize(
    "data",
    [b"", b"junk", b"\x98", b"\x98\x01", b"\x98\x80"],
)
def test_other_bytes_are_no_block(data: bytes) -> None:
    with pytest.raises(BadBlockError) as raised:
        decode_block(data)
    assert type(raised.value) is BadBlockError
    assert str(raised.value) == NO_BLOCK


def written(**changes: Any) -> bytes:
    """A block of version 3 as another process may have written it."""
    fields = {
        "version": 3,
        "tick": 7,
        "batch": b"b",
        "mentions": [["s", None]],
        "keyed": True,
        "events": b"",
        "unkeyed": b"",
        "polls": [],
    }
    return msgspec.msgpack.encode([*(fields | changes).values()])


def event_bytes(source: int = 0, session: int = 0) -> bytes:
    return struct.pack("<BBIQQQQ", 1, source, session, 2, 0, 7 * TICK_MS, 0)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"tick": -1}, "invalid tick -1"),
        ({"tick": 2**48 + 1}, f"invalid tick {2**48 + 1}"),
        *(
            ({"events": event_bytes(source)}, "events of an unknown source or session")
            for source in (6, 127, 134, 255)
        ),
        ({"events": event_bytes(session=1)}, "events of an unknown source or session"),
        ({"events": b"x" * 39}, "39 bytes are not a multiple of 38"),
        (
            {"events": event_bytes() * 3, "unkeyed": bytes(32)},
            "2 unkeyed identities of 3 events",
        ),
        ({"batch": 5}, "Expected `bytes`, got `int` - at `$[2]`"),
    ],
)
def test_a_bad_block_is_refused_with_its_reason(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(BadBlockError) as raised:
        decode_block(written(**changes))
    assert str(raised.value) == reason


@pytest.mark.parametrize("source", [0, 5, 128, 133])
@pytest.mark.parametrize("tick", [0, 2**48])
def test_channels_and_ticks_reach_to_their_bounds(source: int, tick: int) -> None:
    block = decode_block(written(tick=tick, events=event_bytes(source)))
    assert block[:3] == (tick, b"b", [("s", None)])
    assert block.events[["kind", "source", "user", "time"]].tolist() == [
        (1, source, 2, 7 * TICK_MS)
    ]


def test_bytes_of_a_block() -> None:
    version, tick, _, mentions, keyed, events, unkeyed, polls = msgspec.msgpack.decode(
        encode_block(identified(KEYED, VOTE))
    )
    identities = [keyed_identity(bytes(16), value) for value in (b"u1", b"poll")]
    assert (version, tick, mentions, keyed, unkeyed) == (3, 7, [["s", "e"]], True, b"")
    assert struct.unpack("<BBIQQQQ", events) == (6, 0, 0, *identities, 7 * TICK_MS, 0)
    assert polls == [[identities[1], 0, "poll"]]


@pytest.mark.parametrize(
    ("time_ms", "sequence", "version"),
    [
        (7 * TICK_MS + 1, 5, 2),
        (8 * TICK_MS - 1, 2**32 - 1, 2),
        (8 * TICK_MS, 0, 3),
        (7 * TICK_MS - 1, 0, 3),
        (7 * TICK_MS, 2**32, 3),
    ],
)
def test_the_release_before_gets_every_entry_that_it_can_read(
    time_ms: int, sequence: int, version: int
) -> None:
    builder = BatchBuilder(Identification(bytes(16), unkeyed_too=True, keyed_too=False))
    builder.add(VOTE, 3, time_ms, sequence, tick=7)
    ((_, block),) = builder.blocks()
    data = encode_block(block)
    assert data[1] == version
    again = decode_block(data)
    assert again._replace(events=()) == block._replace(events=())
    assert again.events.tobytes() == block.events.tobytes()


def identified(identification: Identification, *events: PlatformEvent) -> Block:
    builder = BatchBuilder(identification)
    for number, event in enumerate(events):
        builder.add(event, 0, 7 * TICK_MS, number)
    ((_, block),) = builder.blocks()
    return block


VOTE = PlatformEvent(EventKind.VOTE, "s", "e", "u1", b"poll", "poll")


@pytest.mark.parametrize(("unkeyed_too", "keyed_too"), [(True, True), (True, False), (False, True)])
def test_both_kinds_of_identities_survive(unkeyed_too: bool, keyed_too: bool) -> None:
    identification = Identification(bytes(16), unkeyed_too, keyed_too)
    block = identified(identification, VOTE)
    again = decode_block(encode_block(block))
    assert again.polls == block.polls
    assert again.events.tobytes() == block.events.tobytes()
    (event,) = again.events
    keyed = keyed_identity(bytes(16), b"u1") if keyed_too else 0
    assert (event["user"], bool(event["keyed"])) == (keyed, keyed_too)
    assert event["unkeyed_user"] == (unkeyed_identity(b"u1") if unkeyed_too else 0)


def test_without_keys_a_block_is_one_of_the_release_before() -> None:
    block = identified(Identification(bytes(16), unkeyed_too=True, keyed_too=False), VOTE)
    version, tick, _, mentions, events, poll_ids = msgspec.msgpack.decode(encode_block(block))
    dtype = [("kind", "u1"), ("source", "u1"), ("session", "<u4")]
    dtype += [(name, "<u8") for name in ("user", "subject", "order")]
    (event,) = np.frombuffer(events, dtype).tolist()
    assert (version, tick, mentions, poll_ids) == (2, 7, [["s", "e"]], ["poll"])
    assert event == (6, 0, 0, unkeyed_identity(b"u1"), unkeyed_identity(b"poll"), 0)


def test_a_later_version_is_told_from_what_is_no_block() -> None:
    data = bytearray(encode_block(identified(KEYED, VOTE)))
    data[1] += 1
    with pytest.raises(NewerBlockError, match=r"^block of version 4$"):
        decode_block(bytes(data))
    with pytest.raises(NewerBlockError, match=r"^block of version 127$"):
        decode_block(b"\x91\x7f")
    data[1] = 1
    with pytest.raises(BadBlockError, match="version"):
        decode_block(bytes(data))


@given(st.binary(max_size=40), st.integers(0, 2**32), st.integers(0, 255))
def test_damaged_blocks_raise_nothing_else(junk: bytes, place: int, byte: int) -> None:
    data = bytearray(encode_block(identified(KEYED, VOTE)) + junk)
    data[place % len(data)] = byte
    with suppress(BadBlockError):
        merge_tick([decode_block(bytes(data))])
