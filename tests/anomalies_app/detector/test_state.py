"""What is remembered of each session survives its bytes."""

import msgspec
import pytest

from anomalies_app.detector.state import (
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


@pytest.mark.parametrize("data", [b"", b"x", DetectorState(3).to_bytes()[:-1]])
def test_other_bytes_are_no_state(data: bytes) -> None:
    with pytest.raises(UnknownDetectorStateError):
        DetectorState.from_bytes(data)


@pytest.mark.parametrize("count", [-1, 1, 2**31, 2**62])
def test_a_state_of_more_sessions_than_it_holds_takes_no_room(count: int) -> None:
    version, tick, _, parts = msgspec.msgpack.decode(DetectorState(5).to_bytes())
    damaged = msgspec.msgpack.encode((version, tick, count, parts))
    with pytest.raises(UnknownDetectorStateError, match=f"{count} sessions"):
        DetectorState.from_bytes(damaged)


def test_a_state_of_a_version_before_is_told_apart() -> None:
    _, *rest = msgspec.msgpack.decode(DetectorState(5).to_bytes())
    with pytest.raises(OldDetectorStateError):
        DetectorState.from_bytes(msgspec.msgpack.encode((1, *rest)))


def test_a_session_takes_no_more_than_two_kilobytes() -> None:
    assert bytes_per_session() <= 2_048
