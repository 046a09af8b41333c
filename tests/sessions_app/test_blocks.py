"""Blocks of events: split, written, read and merged."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessions_app.blocks import (
    PUBSUB_SOURCE,
    BadBlockError,
    BatchBuilder,
    Block,
    decode_block,
    encode_block,
)
from sessions_app.events import EventKind, PlatformEvent
from sessions_app.keys import shard_of
from sessions_app.merging import merge_late, merge_tick
from sessions_app.ticks import TICK_MS, tick_at

entries = st.lists(
    st.tuples(st.text("abc", min_size=1, max_size=2), st.integers(0, 20_000), st.integers(0, 9)),
    min_size=1,
    max_size=40,
)


def build(items: list[tuple[str, int, int]], source: int = 0) -> list[tuple[int, Block]]:
    builder = BatchBuilder()
    for session, time_ms, sequence in items:
        builder.add(
            PlatformEvent(EventKind.USER_SIGN, session, None, "u"), source, time_ms, sequence
        )
    return list(builder.blocks())


@given(entries)
def test_every_event_lands_in_the_block_of_its_shard_and_tick(
    items: list[tuple[str, int, int]],
) -> None:
    blocks = build(items)
    found = []
    for shard, block in blocks:
        for event in block.events:
            session = block.mentions[event["session"]].session_id
            assert shard_of(session) == shard
            time_ms = block.tick * TICK_MS + (int(event["order"]) >> 32)
            found.append((session, time_ms, int(event["order"]) & 0xFFFFFFFF))
    assert sorted(found) == sorted(items)
    assert len({(shard, block.tick) for shard, block in blocks}) == len(blocks)


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


def test_a_mention_keeps_the_event_that_any_of_its_messages_named() -> None:
    builder = BatchBuilder()
    for event_id in (None, "e", None):
        builder.add(PlatformEvent(EventKind.USER_SIGN, "s", event_id, "u"), 0, 0, 0)
    ((_, block),) = builder.blocks()
    assert [tuple(mention) for mention in block.mentions] == [("s", "e")]


@given(entries)
def test_a_batch_that_is_delivered_twice_counts_once(items: list[tuple[str, int, int]]) -> None:
    for _, block in build(items, source=PUBSUB_SOURCE):
        assert len(merge_tick([block, block]).events) == len(block.events)


@given(st.lists(st.tuples(st.just("s"), st.integers(0, 4_999), st.integers(0, 9)), unique=True))
def test_an_entry_that_two_collectors_deliver_counts_once(
    items: list[tuple[str, int, int]],
) -> None:
    blocks = [block for part in (items, items[::2]) for _, block in build(part)]
    assert len(merge_tick(blocks).events) == len(items)


def test_late_blocks_bring_only_what_was_not_counted() -> None:
    counted = [block for _, block in build([("s", 1, 0), ("s", 2, 0)])]
    late = [block for _, block in build([("s", 2, 0), ("s", 3, 0)])]
    merged = merge_late(late, counted)
    assert len(merged.events) == 1
    assert merged.mentions[merged.events[0]["session"]].session_id == "s"


def test_sequence_numbers_beyond_32_bits_do_not_change_the_time() -> None:
    ((_, block),) = build([("s", 3, 2**40)])
    assert block.tick == tick_at(3)
    assert int(block.events["order"][0]) >> 32 == 3
    assert block.events.dtype["order"] == np.dtype("<u8")
