"""Blocks of events: split, written, read and merged."""

from contextlib import suppress

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


@pytest.mark.parametrize("data", [b"", b"junk", b"\x95\x63\x01\xc4\x00\x90\xc4\x00"])
def test_other_bytes_are_no_block(data: bytes) -> None:
    with pytest.raises(BadBlockError):
        decode_block(data)


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
    with pytest.raises(NewerBlockError):
        decode_block(bytes(data))
    data[1] = 1
    with pytest.raises(BadBlockError, match="version"):
        decode_block(bytes(data))


@given(st.binary(max_size=40), st.integers(0, 2**32), st.integers(0, 255))
def test_damaged_blocks_raise_nothing_else(junk: bytes, place: int, byte: int) -> None:
    data = bytearray(encode_block(identified(KEYED, VOTE)) + junk)
    data[place % len(data)] = byte
    with suppress(BadBlockError):
        merge_tick([decode_block(bytes(data))])
