"""What a tick has led to survives being stored, also by a worker of the release before."""

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessions_app.outcomes.outbox import (
    ENDS,
    FIXED_VERSION,
    LAST_SEEN,
    METRICS,
    POLLS,
    VERSION,
    Outcome,
    UnknownOutboxError,
    decode_outcome,
    encode_outcome,
)
from sessions_app.outcomes.part import Delivery, Part, ScoredTick
from sessions_app.outcomes.session_parts import EndsPart, LastSeenPart, MetricsPart, PollsPart
from sessions_app.state.poll_notices import PollMomentKind, PollNotice
from sessions_app.state.tick_metrics import METRIC, TickMetrics

PARTS: list[Part] = [MetricsPart(), LastSeenPart(), PollsPart(), EndsPart()]
# As the release before wrote and read it.
Before = tuple[int, int, list[str], bytes, list[int], list[int], list[PollNotice], bytes]


class Extra(Part[str, None]):
    """A part of a later release."""

    name = "extra"

    def produce(self, scored: ScoredTick) -> str | None:
        return None

    def encode(self, value: str) -> bytes:
        return msgspec.msgpack.encode(value)

    def decode(self, data: bytes) -> str:
        return msgspec.msgpack.decode(data, type=str)

    def store(self, value: str, delivery: Delivery) -> None:
        raise NotImplementedError


def metrics(*names: str) -> TickMetrics:
    rows = np.zeros(len(names), METRIC)
    rows["session_id"] = np.arange(len(names))
    rows["score"] = 0.5
    return TickMetrics(list(names), rows)


def poll(key: int = 1) -> PollNotice:
    return PollNotice(key, "p1", PollMomentKind.FIRST_VOTE, 1, 2)


VALUES = {METRICS: metrics("a", "b"), LAST_SEEN: [7], POLLS: [poll()], ENDS: [8, 9]}


def same(found: Outcome, wanted: Outcome) -> bool:
    first, second = dict(found.values), dict(wanted.values)
    one, two = first.pop(METRICS, None), second.pop(METRICS, None)
    alike = (one is None) == (two is None)
    if one is not None and two is not None:
        alike = one.external_ids == two.external_ids and bool((one.rows == two.rows).all())
    return alike and first == second and found.tick == wanted.tick


@given(st.sets(st.sampled_from([*VALUES])), st.integers(0, 2**40))
def test_any_parts_survive_and_the_release_before_can_read_them(names: set[str], tick: int) -> None:
    outcome = Outcome(tick, {name: VALUES[name] for name in names})
    data = encode_outcome(outcome, PARTS)
    assert same(decode_outcome(data, PARTS), outcome)
    version, before, external_ids, rows, signs, ends, polls, anomalies = msgspec.msgpack.decode(
        data, type=Before
    )
    assert (version, before, anomalies) == (FIXED_VERSION, tick, b"")
    assert external_ids == (["a", "b"] if METRICS in names else [])
    assert len(rows) == len(external_ids) * METRIC.itemsize
    assert (signs, ends) == ([7] if LAST_SEEN in names else [], [8, 9] if ENDS in names else [])
    assert polls == ([poll()] if POLLS in names else [])


def test_what_the_release_before_has_left_is_read() -> None:
    rows = metrics("a").rows.tobytes()
    data = msgspec.msgpack.encode((FIXED_VERSION, 5, ["a"], rows, [], [3], [poll()], b""))
    found = decode_outcome(data, PARTS)
    assert same(found, Outcome(5, {METRICS: metrics("a"), ENDS: [3], POLLS: [poll()]}))


def test_a_part_that_it_does_not_know_makes_it_another_version() -> None:
    outcome = Outcome(5, {**VALUES, "extra": "more"})
    data = encode_outcome(outcome, [*PARTS, Extra()])
    assert msgspec.msgpack.decode(data)[0] == VERSION
    assert same(decode_outcome(data, [*PARTS, Extra()]), outcome)
    found = decode_outcome(data, PARTS)
    assert same(found, Outcome(5, VALUES)), "the rest can be delivered"
    assert [part.name for part in found.unreadable] == ["extra"]


@pytest.mark.parametrize("data", [b"", b"\x90", b"\xc1", msgspec.msgpack.encode([9, 1, {}])])
def test_other_bytes_are_no_outbox(data: bytes) -> None:
    with pytest.raises(UnknownOutboxError):
        decode_outcome(data, PARTS)


def test_a_damaged_part_costs_only_itself() -> None:
    rows = metrics("a").rows.tobytes()[:-1]
    data = msgspec.msgpack.encode((FIXED_VERSION, 5, ["a"], rows, [], [3], [], b""))
    found = decode_outcome(data, PARTS)
    assert found.values == {ENDS: [3]}
    assert [part.name for part in found.unreadable] == [METRICS]
