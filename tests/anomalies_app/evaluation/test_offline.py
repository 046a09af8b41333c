"""The detector over recorded sessions."""

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.anomalies_app.detector.test_detector import EXIT, GONE, QUIET, raised
from tests.anomalies_app.rooms import Stretch, room, together


@given(seed=st.integers(0, 2**32 - 1), ticks=st.integers(0, 60), shift=st.integers(0, 10**6))
@settings(max_examples=15, deadline=None)
def test_detections_do_not_depend_on_the_time_or_on_who_else_is_there(
    seed: int, ticks: int, shift: int
) -> None:
    mine = [QUIET, EXIT, GONE]
    alone = raised(room(*mine, seed=seed))
    others = room(Stretch(ticks + 90, 40, 3), EXIT, name="other", seed=seed + 1)
    shared = together(others, room(*mine, seed=seed, first_tick=shift))
    moved = [detection for detection in raised(shared) if detection.session_id == "room"]
    assert [
        (detection.tick - shift, detection.type, detection.anomaly_score) for detection in moved
    ] == [(detection.tick, detection.type, detection.anomaly_score) for detection in alone]
