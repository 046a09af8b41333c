"""Detections with the present settings, beside those of other settings."""

from dataclasses import replace

import numpy as np
import pytest

from anomalies_app.detector.calibration import Calibration, TailTable
from anomalies_app.evaluation.backtesting import Comparison, Variant, format_comparison, unmatched
from anomalies_app.evaluation.offline import Detection
from sessions_app.recordings.signal_recording import RecordedSignals
from sessions_app.scoring.detection_settings import DetectionSettings
from sessions_app.scoring.score import ScoreSettings
from tests.anomalies_app.detector.test_detector import BUILT_IN, EXIT, GONE, QUIET
from tests.anomalies_app.rooms import Stretch, room, together

FIRST = 400_000


def detection(
    tick: int, ended: int | None = None, session: str = "a", kind: str = "MASS_EXIT"
) -> Detection:
    end = None if ended is None else FIRST + ended
    return Detection(
        session, FIRST + tick, kind, "WARNING", 0.7, 0.3, 0.6, 0.3, "They left.", end, "WARNING"
    )


@pytest.mark.parametrize(
    ("other", "is_same"),
    [
        (detection(100, 110), True),
        (detection(122, 130), True),
        (detection(123, 130), False),
        (detection(80, 88), True),
        (detection(80, 87), False),
        (detection(80), True),
        (detection(100, 110, session="b"), False),
        (detection(100, 110, kind="SUDDEN_DROP"), False),
    ],
)
def test_the_same_trouble_may_be_noticed_a_minute_sooner_or_later(
    other: Detection, is_same: bool
) -> None:
    one = detection(100, 110)
    assert unmatched([one], [other]) == ([] if is_same else [one])
    assert unmatched([other], [one]) == ([] if is_same else [other])


def test_one_that_goes_on_meets_all_later_ones() -> None:
    assert unmatched([detection(5_000, 5_001)], [detection(100)]) == []
    assert unmatched([detection(1, 2)], []) == [detection(1, 2)]


ROOMS = together(
    room(QUIET, EXIT, GONE, name="exit"), room(QUIET, Stretch(42, 110, 22, over=2), name="drop")
)
OTHER = room(QUIET, EXIT, GONE, name="other")


def variant(
    rooms: RecordedSignals,
    calibration: Calibration = BUILT_IN,
    weight: float = 0.25,
    mass_exit: float = 0.15,
) -> Variant:
    """Settings as they are stored: arrays with one element for each room."""
    count = len(rooms.session_ids)
    return Variant(
        calibration,
        ScoreSettings(active_users_weight=np.full(count, weight)),
        DetectionSettings(mass_exit_threshold=np.full(count, mass_exit)),
    )


def found(detections: list[Detection]) -> list[tuple]:
    return [(each.session_id, each.type, each.current_engagement) for each in detections]


def test_sessions_of_several_portions_are_judged_with_both_variants() -> None:
    comparison, done = Comparison(), []
    for rooms in (ROOMS, OTHER):
        changed = variant(rooms, weight=0.5, mass_exit=0.9)
        comparison.take(rooms, variant(rooms), changed, done.append)
    assert (comparison.sessions, comparison.session_ticks) == (3, 3 * 122)
    assert sum(done) == 2 * 3 * 122
    assert found(comparison.present) == [
        ("drop", "SUDDEN_DROP", 0.4375),
        ("exit", "MASS_EXIT", 0.34),
        ("other", "MASS_EXIT", 0.34),
    ]
    # Half of the score is presence, and so the drop is noticed a tick sooner.
    assert found(comparison.changed) == [
        ("drop", "SUDDEN_DROP", 0.6875),
        ("exit", "SUDDEN_DROP", 0.44),
        ("other", "SUDDEN_DROP", 0.44),
    ]


def test_without_a_changed_variant_sessions_are_judged_once() -> None:
    comparison, done = Comparison(), []
    comparison.take(OTHER, variant(OTHER), None, done.append)
    assert found(comparison.present) == [("other", "MASS_EXIT", 0.34)]
    assert comparison.changed == []
    assert sum(done) == 122


def test_a_variant_may_have_another_calibration() -> None:
    nothing_stands_out = replace(BUILT_IN, combined=TailTable(BUILT_IN.combined.knots + 1000))
    comparison = Comparison()
    comparison.take(OTHER, variant(OTHER), variant(OTHER, nothing_stands_out), lambda _: None)
    assert comparison.changed == []
    assert comparison.only_present == comparison.present != []


def test_a_comparison_in_words() -> None:
    present = [detection(1, 2), detection(500), detection(700, 710, kind="SUDDEN_DROP")]
    changed = [detection(1, 2), detection(900, 910)]
    comparison = Comparison(2, 1_440, present, changed)
    assert comparison.session_hours == 2
    # What goes on has a counterpart in what is new.
    assert comparison.only_present == present[2:]
    present[1] = detection(500, 510)
    assert list(format_comparison(comparison, is_changed=True)) == [
        "2 sessions, 1,440 session-ticks, 2.0 session-hours",
        "",
        "type               present   per hour   changed   per hour",
        "SUDDEN_DROP              1      0.500         0      0.000",
        "GRADUAL_DECLINE          0      0.000         0      0.000",
        "MASS_EXIT                2      1.000         2      1.000",
        "LOW_ENGAGEMENT           0      0.000         0      0.000",
        "all                      3      1.500         2      1.000",
        "",
        "No longer detected: 2",
        "  1970-01-24 04:15:05  a  MASS_EXIT  WARNING  They left.",
        "  1970-01-24 04:31:45  a  SUDDEN_DROP  WARNING  They left.",
        "",
        "Newly detected: 1",
        "  1970-01-24 04:48:25  a  MASS_EXIT  WARNING  They left.",
    ]


def test_without_a_change_it_lists_what_is_raised_in_the_order_of_time() -> None:
    present = [detection(3), detection(1, session="b"), detection(1)]
    lines = list(format_comparison(Comparison(1, 0, present), is_changed=False))
    assert lines[2] == "type               present   per hour"
    assert lines[7:] == [
        "all                      3      0.000",
        "",
        "Detected: 3",
        "  1970-01-24 03:33:30  a  MASS_EXIT  WARNING  They left.",
        "  1970-01-24 03:33:30  b  MASS_EXIT  WARNING  They left.",
        "  1970-01-24 03:33:40  a  MASS_EXIT  WARNING  They left.",
    ]
