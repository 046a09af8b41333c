"""What is remembered of each session survives its bytes."""

import struct

import msgspec
import numpy as np
import pytest

from anomalies_app.detector.state import (
    NO_EPISODE,
    DetectorState,
    OldDetectorStateError,
    UnknownDetectorStateError,
    bytes_per_session,
)
from tests.anomalies_app.detector.test_batches import _run
from tests.anomalies_app.detector.test_detector import EXIT, GONE, QUIET
from tests.anomalies_app.rooms import room, together


def test_a_state_goes_on_from_its_bytes() -> None:
    recorded = together(room(QUIET, EXIT, GONE, seed=1), room(QUIET, GONE, name="b", seed=2))
    plain, stored = _run(recorded, store=False), _run(recorded, store=True)
    assert plain == stored


def numbered(*session_ids: int, tick: int = 7) -> DetectorState:
    """A state in which every vector holds other numbers, in every session."""
    state = DetectorState.fresh(tick, np.array(session_ids))
    for number, name in enumerate(state.vectors):
        state[name] = 100 * number % 256 + np.arange(len(session_ids)) % 5
    return state


def test_the_bytes_have_this_layout() -> None:
    state, everyone = numbered(11, -5), np.ones(2, np.bool_)
    firsts = [(3, 1_000_000), (0.5, 70_000), (0.25, 0.125), (1, 0)]
    for name, values in zip(("presence", "chat", "vitality", "score"), firsts, strict=True):
        state.fill(name, everyone, np.float32(values))
    state.remember("presence", 64 + 3, np.float32([8, 9]))
    kinds = ["H", *"f" * 10, *"B" * 8, "q"]
    vectors = [
        struct.pack(f"<2{kind}", 100 * number % 256, 100 * number % 256 + 1)
        for number, kind in enumerate(kinds)
    ]
    presence = [struct.pack("<2f", 3, 1_000_000)] * 64
    presence[3] = struct.pack("<2f", 8, 9)
    rings = [
        b"".join(presence),
        struct.pack("<2e", 0.5, 65_504) * 64,
        struct.pack("<2e", 0.25, 0.125) * 64,
        struct.pack("<2e", 1, 0) * 12,
    ]
    forest = [bytes(2 * 8 * 10 * 4), bytes(2 * 8 * 10 * 4), bytes(4), bytes(2)]
    parts = [struct.pack("<2q", 11, -5), *vectors, *rings, *forest]
    assert msgspec.msgpack.decode(state.to_bytes()) == [4, 7, 2, parts]
    again = DetectorState.from_bytes(state.to_bytes())
    assert (again.tick, again.session_ids.tolist()) == (7, [11, -5])
    assert again.to_bytes() == state.to_bytes()


def test_a_new_session_is_in_no_episode() -> None:
    assert DetectorState.fresh(3, np.arange(2))["episode"].tolist() == [NO_EPISODE] * 2 == [0, 0]


@pytest.mark.parametrize(
    ("group", "names"),
    {
        "levels": ["presence_level", "vitality_level"],
        "noises": ["presence_dispersion", "vitality_variance"],
        "explaining": ["chat_level", "reactions_level", "score_level"],
        "slow_falls": ["presence_slow", "vitality_slow"],
        "runs": ["exit_run", "fast_run", "slow_run", "chat_run"],
    }.items(),
)
def test_a_group_is_a_view_of_its_vectors(group: str, names: list[str]) -> None:
    state = numbered(1, 2, 3)
    assert state.group(group).tolist() == [state[name].tolist() for name in names]
    before = {name: vector.copy() for name, vector in state.vectors.items()}
    state.group(group)[...] += 1
    for name, vector in state.vectors.items():
        assert (vector == before[name] + (name in names)).all()


def test_rings_hold_the_last_values_up_to_the_largest_that_they_can() -> None:
    state = DetectorState.fresh(129, np.arange(3))
    for tick in range(129 - 63, 130):
        state.remember("chat", tick, np.float32([tick, 1_000 + tick, 1e6]))
    assert state.remembered("chat", 129 - 63).tolist() == [66, 1_066, 65_504]
    assert state.remembered("chat", 129).dtype == np.float32
    history = state.history("chat", np.array([1, 0]))
    assert history.tolist() == [[1_000 + tick, tick] for tick in range(129, 65, -1)]
    assert history.dtype == np.float32


def test_sessions_are_found_in_any_order_and_new_ones_are_fresh() -> None:
    state = numbered(40, 10, 30, tick=9)
    state.forest.filled[...] = [4, 1, 3]
    wanted = np.array([50, 30, 5, 40, 20])
    found = state.aligned(wanted)
    assert (found.tick, found.session_ids.tolist()) == (9, wanted.tolist())
    for name, vector in state.vectors.items():
        assert found[name].tolist() == [0, vector[2], 0, vector[0], 0]
    assert found.forest.filled.tolist() == [0, 3, 0, 4, 0]
    assert state.aligned(np.array([40, 10, 30])) is state
    assert state.aligned(np.array([10, 40]))["age"].tolist() == [1, 0]
    assert state.joined(numbered(60)).session_ids.tolist() == [40, 10, 30, 60]
    assert DetectorState(9).aligned(wanted).session_ids.tolist() == wanted.tolist()
    assert DetectorState(9).aligned(wanted).tick == state.joined(numbered(60)).tick == 9


def test_a_part_is_a_view() -> None:
    state = numbered(4, 5, 6, tick=9)
    for rows in (slice(0, 3), slice(0, 8_000)):
        assert state.part(rows) is state
    assert state.part(slice(0, 2)).session_ids.tolist() == [4, 5]
    rest = state.part(slice(1, 8_000))
    assert (rest.tick, rest.session_ids.tolist()) == (9, [5, 6])
    rest["age"] = np.array([70, 80])
    rest.remember("score", 9, np.float32([0.5, 0.25]))
    rest.forest.filled[0] = 12
    assert state["age"].tolist() == [0, 70, 80]
    assert state.remembered("score", 9).tolist() == [0, 0.5, 0.25]
    assert state.forest.filled.tolist() == [0, 12, 0]


@pytest.mark.parametrize("data", [b"", b"x", DetectorState(3).to_bytes()[:-1]])
def test_other_bytes_are_no_state(data: bytes) -> None:
    with pytest.raises(UnknownDetectorStateError, match=r"truncated|Expected"):
        DetectorState.from_bytes(data)


@pytest.mark.parametrize("version", [-1, 0, 5])
def test_a_version_that_was_never_written_is_unknown(version: int) -> None:
    _, *rest = msgspec.msgpack.decode(DetectorState(5).to_bytes())
    with pytest.raises(UnknownDetectorStateError, match=f"version {version}$") as caught:
        DetectorState.from_bytes(msgspec.msgpack.encode((version, *rest)))
    assert not isinstance(caught.value, OldDetectorStateError)


@pytest.mark.parametrize("count", [-1, 1, 2**31, 2**62])
def test_a_state_of_more_sessions_than_it_holds_takes_no_room(count: int) -> None:
    version, tick, _, parts = msgspec.msgpack.decode(DetectorState(5).to_bytes())
    damaged = msgspec.msgpack.encode((version, tick, count, parts))
    with pytest.raises(UnknownDetectorStateError, match=f"{count} sessions"):
        DetectorState.from_bytes(damaged)


def test_a_state_of_a_version_before_is_told_apart() -> None:
    _, *rest = msgspec.msgpack.decode(DetectorState(5).to_bytes())
    with pytest.raises(OldDetectorStateError, match=r"version 1$"):
        DetectorState.from_bytes(msgspec.msgpack.encode((1, *rest)))


def test_a_session_takes_no_more_than_two_kilobytes() -> None:
    assert bytes_per_session() <= 2_048
