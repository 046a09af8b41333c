"""The detector over recorded sessions."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anomalies_app.evaluation.offline import Detection, Run, detect_recorded
from sessions_app.recordings.signal_recording import RecordedSignals
from sessions_app.scoring.detection_settings import DetectionSettings
from sessions_app.scoring.score import ScoreSettings, score
from tests.anomalies_app.detector.test_detector import BUILT_IN, EXIT, GONE, QUIET, raised
from tests.anomalies_app.rooms import Stretch, room, together

# The fall is sudden at first, and low engagement 29 ticks later; then it recovers.
FALL = [QUIET, Stretch(60, 30, 0, over=20), Stretch(20, 200, 40)]
FELL_AT, LOW_AT, RECOVERED_AT = 85, 114, 145
# People leave in the same step in which the other room becomes one of low engagement.
LATE_EXIT = [QUIET._replace(ticks=LOW_AT), EXIT, GONE]
EXIT_LASTS = 36
FIRST = 1_000


@pytest.fixture(scope="module")
def two_rooms() -> RecordedSignals:
    return together(room(*LATE_EXIT, name="left"), room(*FALL, name="fell", first_tick=FIRST))


def places(detections: list[Detection]) -> list[tuple]:
    return [(each.session_id, each.tick, each.type, each.ended_tick) for each in detections]


def test_detections_are_in_the_order_of_sessions_and_ticks(two_rooms: RecordedSignals) -> None:
    detections = detect_recorded(two_rooms, BUILT_IN)
    assert places(detections) == [
        ("fell", FIRST + FELL_AT, "SUDDEN_DROP", FIRST + RECOVERED_AT),
        ("fell", FIRST + LOW_AT, "LOW_ENGAGEMENT", FIRST + RECOVERED_AT),
        ("left", LOW_AT, "MASS_EXIT", LOW_AT + EXIT_LASTS),
    ]
    assert [each.reason for each in detections] == [
        "Active users fell from 199 to 149 in 25 seconds",
        "Active users fell from 199 to 30 in 3 minutes",
        "Active users fell from 200 to 80 in 5 seconds; 60% left within a minute",
    ]


def test_a_detection_has_the_figures_of_its_tick(two_rooms: RecordedSignals) -> None:
    rows = {"left": LOW_AT, "fell": len(room(*LATE_EXIT).tick) + FELL_AT}
    scores = score(two_rooms.signals, ScoreSettings()).tolist()
    judgements = [found for _, found in Run(two_rooms, BUILT_IN).judgements()]
    first, _, left = detect_recorded(two_rooms, BUILT_IN)
    for detection, step, position in [(left, LOW_AT, 0), (first, FELL_AT, 1)]:
        found, current = judgements[step], scores[rows[detection.session_id]]
        expected = float(found.expected[position])
        assert detection.current_engagement == round(current, 4)
        assert detection.expected_engagement == round(expected, 4)
        assert detection.deviation == round(expected - current, 4)
        assert detection.anomaly_score == round(float(found.score[position]), 4)


def test_a_detection_may_become_graver_until_the_next_one_of_its_episode() -> None:
    wishes = {"critical_threshold": 0.9}
    (*both,) = raised(room(*FALL), **wishes)
    assert [(each.type, each.severity, each.worst_severity) for each in both] == [
        ("SUDDEN_DROP", "WARNING", "CRITICAL"),
        ("LOW_ENGAGEMENT", "CRITICAL", "CRITICAL"),
    ]
    (alone,) = raised(room(*FALL), **wishes, mute_low_engagement=True)
    assert (alone.severity, alone.worst_severity) == ("WARNING", "CRITICAL")


def test_what_is_still_open_has_no_end() -> None:
    assert places(raised(room(*FALL[:2]))) == [
        ("room", FELL_AT, "SUDDEN_DROP", None),
        ("room", LOW_AT, "LOW_ENGAGEMENT", None),
    ]


@pytest.mark.parametrize("muted", [[False, True], [True, False], [False, False]])
def test_settings_of_a_session_hold_wherever_it_begins_anew(muted: list[bool]) -> None:
    again = room(QUIET, EXIT, GONE, first_tick=500)
    before = room(QUIET, EXIT, GONE)
    recorded = together(before, again, room(QUIET, EXIT, GONE, name="other"))
    session = np.repeat([0, 1], [2 * before.row_count, before.row_count])
    recorded = recorded._replace(session=session, session_ids=["room", "other"])
    weights = {"room": 0.25, "other": 0.5}
    done: list[int] = []
    detections = detect_recorded(
        recorded,
        BUILT_IN,
        done.append,
        DetectionSettings(mute_mass_exit=np.array(muted), mute_sudden_drop=np.array(muted)),
        ScoreSettings(active_users_weight=np.array([*weights.values()])),
    )
    all_of_them = [("other", 80), ("room", 80), ("room", 580)]
    silent = {name for name, mute in zip(weights, muted, strict=True) if mute}
    assert [(each.session_id, each.tick) for each in detections] == [
        (name, tick) for name, tick in all_of_them if name not in silent
    ]
    for detection in detections:
        # Chat is saturated; 80 of 200 people are there, and 60 % have left.
        engagement = 0.3 + weights[detection.session_id] * 80 / 200 - 0.1 * 0.6
        assert detection.current_engagement == pytest.approx(engagement)
    assert done == [3] * before.row_count


def test_nothing_recorded_leaves_a_run_before_its_first_tick() -> None:
    nothing = room(Stretch(0, 0, 0))
    run = Run(nothing, BUILT_IN)
    assert list(run.judgements()) == []
    assert (run.state.tick, len(run.state), run.engagement.tolist()) == (-1, 0, [])
    assert detect_recorded(nothing, BUILT_IN) == []


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
