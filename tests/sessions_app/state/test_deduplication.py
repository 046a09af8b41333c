"""Every event counts once, against a count by hand."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessions_app.state.deduplication import (
    SEEN,
    Arrivals,
    count_once,
    pack,
    seen_records,
    unpack,
)

MESSAGE, REACTION = False, True
STREAM, PUBSUB = False, True

arrivals = st.lists(st.tuples(st.integers(1, 5), st.booleans()), max_size=12)


def arrive(*events: tuple[int, bool], repeatable: bool = MESSAGE) -> Arrivals:
    """Events of one kind, each an identity and whether it came over Pub/Sub."""
    return Arrivals(
        np.array([identity for identity, _ in events], np.uint64),
        np.array([pubsub for _, pubsub in events], np.bool_),
        np.full(len(events), repeatable),
    )


def counted(events: Arrivals, *before: Arrivals) -> dict[int, int]:
    """How often each identity counts, after what came in ticks before."""
    seen = np.concatenate([np.zeros(0, SEEN), *map(seen_records, before)])
    once = count_once(events, seen)
    identities = events.identities[once.first].tolist()
    assert len(set(identities)) == len(identities)
    return dict(zip(identities, once.counts.tolist(), strict=True))


def test_a_message_counts_at_its_first_arrival() -> None:
    first = arrive((7, STREAM), (8, PUBSUB), (7, STREAM), (8, STREAM))
    assert counted(first) == {7: 1, 8: 1}
    assert counted(arrive((7, PUBSUB), (9, STREAM)), first) == {7: 0, 9: 1}
    assert counted(arrive((8, PUBSUB)), first) == {8: 0}


def test_the_first_of_each_is_told_by_its_position() -> None:
    once = count_once(arrive((9, STREAM), (3, STREAM), (9, PUBSUB)), np.zeros(0, SEEN))
    assert sorted(once.first.tolist()) == [0, 1]


def test_the_same_reaction_may_come_again() -> None:
    twice = arrive((7, STREAM), (7, STREAM), repeatable=REACTION)
    assert counted(twice) == {7: 2}
    assert counted(twice, twice) == {7: 2}


def test_a_reaction_on_both_ways_is_one() -> None:
    both = arrive((7, STREAM), (7, PUBSUB), repeatable=REACTION)
    assert counted(both) == {7: 1}
    late = arrive((7, PUBSUB), repeatable=REACTION)
    assert counted(late, arrive((7, STREAM), repeatable=REACTION)) == {7: 0}
    assert counted(late, both) == {7: 1}


def test_kinds_in_one_tick_keep_apart() -> None:
    mixed = Arrivals(
        np.array([1, 1, 2, 2], np.uint64),
        np.zeros(4, np.bool_),
        np.array([MESSAGE, MESSAGE, REACTION, REACTION]),
    )
    assert counted(mixed) == {1: 1, 2: 2}


@given(st.lists(arrivals, min_size=1, max_size=4), st.booleans())
def test_counts_add_up_over_ticks(ticks: list[list[tuple[int, bool]]], repeatable: bool) -> None:
    total: Counter[int] = Counter()
    before: list[Arrivals] = []
    for events in ticks:
        arrived = arrive(*events, repeatable=repeatable)
        total.update(counted(arrived, *before))
        before.append(arrived)
    happened = Counter(event for events in ticks for event in events)
    for identity in {identity for identity, _ in happened}:
        transports = [happened[identity, STREAM], happened[identity, PUBSUB]]
        assert total[identity] == (max(transports) if repeatable else 1)


def test_records_keep_what_arrived() -> None:
    records = seen_records(arrive((7, STREAM), (2**64 - 1, PUBSUB)))
    assert records.tolist() == [(7, STREAM), (2**64 - 1, PUBSUB)]


def test_records_survive_their_bytes() -> None:
    ticks = [seen_records(arrive((5, PUBSUB), (4, STREAM))), seen_records(arrive((6, STREAM)))]
    seen, lost = unpack([pack(ticks[0]), pack(ticks[1]), pack(seen_records(arrive()))])
    assert seen.tolist() == [(5, PUBSUB), (4, STREAM), (6, STREAM)]
    assert lost == []


def test_a_tick_without_events_takes_no_bytes() -> None:
    assert pack(seen_records(arrive())) == b""
    assert len(unpack([])[0]) == 0


def test_bytes_of_the_release_before_are_read() -> None:
    records = seen_records(arrive((5, PUBSUB), (4, STREAM)))
    assert unpack([records.tobytes()])[0].tolist() == records.tolist()


@pytest.mark.parametrize("junk", [b"x" * 10, np.array([(1, 2)], "<u8, u1").tobytes()])
def test_a_tick_that_cannot_be_read_costs_no_other(junk: bytes) -> None:
    good = seen_records(arrive((5, STREAM)))
    seen, lost = unpack([junk, pack(good)])
    assert seen.tolist() == good.tolist()
    assert [(each.row, each.data) for each in lost] == [(-1, junk)]
