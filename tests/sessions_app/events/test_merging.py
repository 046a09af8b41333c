"""Every batch and every entry of a tick once, whoever delivers it."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sessions_app.events.batch_builder import BatchBuilder
from sessions_app.events.blocks import (
    PUBSUB_SOURCE,
    Block,
    Mention,
    PollName,
    decode_block,
    encode_block,
)
from sessions_app.events.merging import join_all, merge_late, merge_tick, without_entries
from sessions_app.ticks import TICK_MS, tick_at
from tests.sessions_app.events.building import KEYED, build, entries, sign

entry_ids = st.tuples(
    st.integers(0, 2**64 - 1) | st.integers(7 * TICK_MS, 8 * TICK_MS - 1),
    st.integers(0, 2**64 - 1) | st.integers(0, 3),
)


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


@given(st.lists(entry_ids, unique=True, min_size=1, max_size=20))
@example([(1, 1), (2**63 + 1, 2**63 + 1)])
def test_entries_are_told_apart_by_their_whole_ids(ids: list[tuple[int, int]]) -> None:
    """Of any time and number that a stream can have, whatever the tick in which they are read."""
    builder = BatchBuilder(KEYED)
    for time_ms, sequence in ids:
        builder.add(sign("s"), 0, time_ms, sequence, tick=7)
    ((_, block),) = builder.blocks()
    again = decode_block(encode_block(block))
    merged = merge_tick([again, again._replace(batch=b"another")])
    found = merged.events[["time", "sequence"]].tolist()
    assert sorted(found) == sorted(ids)
    assert sorted(merged.strays[["time", "sequence"]].tolist()) == sorted(
        (time_ms, sequence) for time_ms, sequence in ids if tick_at(time_ms) != 7
    )
    later = merge_late([again._replace(batch=b"late")], [block])
    assert not len(later.events)
    assert not len(without_entries(merged, merged.strays).strays)


@given(st.lists(entry_ids, unique=True, min_size=1, max_size=20))
def test_events_of_a_tick_are_in_the_order_of_their_entries(ids: list[tuple[int, int]]) -> None:
    in_tick = [(7 * TICK_MS + time_ms % TICK_MS, sequence) for time_ms, sequence in set(ids)]
    builder = BatchBuilder(KEYED)
    for time_ms, sequence in in_tick:
        builder.add(sign("s"), 0, time_ms, sequence)
    events = merge_tick([block for _, block in builder.blocks()]).events
    by_order = events[np.argsort(events["order"])]
    assert by_order[["time", "sequence"]].tolist() == sorted(set(in_tick))


def test_an_entry_is_known_again_in_another_tick() -> None:
    stray = (9_000 * TICK_MS, 5)
    first, second = (BatchBuilder(KEYED) for _ in range(2))
    first.add(sign("s"), 3, *stray, tick=7)
    second.add(sign("s"), 3, *stray, tick=8)
    second.add(sign("s"), 2, *stray, tick=8)  # the same ID in another stream
    (strays,) = [merge_tick([block]).strays for _, block in first.blocks()]
    ((_, block),) = second.blocks()
    happened = without_entries(merge_tick([block]), strays)
    assert happened.events["source"].tolist() == [2]
    assert happened.strays["source"].tolist() == [2]


IN_7 = 7 * TICK_MS


def block_of(*entries: tuple[int, int, int], batch: bytes = b"b") -> Block:
    """A block of tick 7 with entries (source, time, sequence)."""
    builder = BatchBuilder(KEYED)
    for source, time_ms, sequence in entries:
        builder.add(sign("s"), source, time_ms, sequence, tick=7)
    ((_, block),) = builder.blocks()
    return block._replace(batch=batch)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ((0, IN_7 + 2**24, 0), (1, IN_7, 0)),
        ((0, IN_7 + 2**23, 0), (1, IN_7, 0)),
        ((0, IN_7, 2**32), (0, IN_7 + 1, 0)),
        ((0, IN_7, 0), (PUBSUB_SOURCE, IN_7, 0)),
    ],
)
def test_entries_with_similar_ids_are_two(
    one: tuple[int, int, int], other: tuple[int, int, int]
) -> None:
    for pair in ((one, other), (other, one)):
        merged = merge_tick([block_of(*pair)])
        found = merged.events[["source", "time", "sequence"]].tolist()
        assert sorted(found) == sorted(pair)
    assert len(merge_late([block_of(one, batch=b"late")], [block_of(other)]).events) == 1


def test_messages_of_pubsub_are_no_entries() -> None:
    """Their numbers are a collector's own, so equal ones are not the same message."""
    message = (PUBSUB_SOURCE, 9 * TICK_MS, 0)
    merged = merge_tick([block_of(message)])
    assert (len(merged.events), len(merged.strays)) == (1, 0)
    assert len(merge_late([block_of(message, batch=b"late")], [block_of(message)]).events) == 1
    known = np.zeros(1, merged.strays.dtype)
    known["source"], known["time"], known["sequence"] = message
    assert len(without_entries(merged, known).events) == 1


def test_late_events_come_first_and_have_strays_of_their_own() -> None:
    late = block_of((0, IN_7 + 3, 0), (0, 9 * TICK_MS, 1), (0, 10 * TICK_MS, 2), batch=b"late")
    merged = merge_late([late], [block_of((0, 9 * TICK_MS, 1))])
    assert merged.events[["time", "order"]].tolist() == [(IN_7 + 3, 0), (10 * TICK_MS, 0)]
    assert merged.strays.tolist() == [(0, 10 * TICK_MS, 2)]


def test_ticks_are_joined_with_all_that_they_have() -> None:
    names = (PollName(1, 0, "p1"), PollName(2, 0, "p2"))
    blocks = [
        block_of((0, 9 * TICK_MS, number), batch=b"%d" % number)._replace(
            mentions=[Mention("s", event_id)], polls=names[: number + 1]
        )
        for number, event_id in enumerate([None, "first", "second"])
    ]
    for joined in (
        join_all(merge_tick([block]) for block in blocks),
        merge_tick(blocks),
    ):
        assert joined.mentions == [("s", "first")]
        assert joined.events["sequence"].tolist() == [0, 1, 2]
        assert joined.strays.tolist() == [(0, 9 * TICK_MS, number) for number in range(3)]
        assert sorted(joined.polls) == [*names]
