"""What the detector raises, and what it does not."""

import re

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anomalies_app.detector import batches
from anomalies_app.detector.detector import Detector
from anomalies_app.detector.state import (
    DetectorState,
    OldDetectorStateError,
    UnknownDetectorStateError,
    bytes_per_session,
)
from anomalies_app.evaluation.offline import Detection, detect_recorded
from anomalies_app.evaluation.recorded_sessions import RecordedSessions
from anomalies_app.shards.calibration_files import load_calibration
from sessions_app.recordings.signal_recording import RecordedSignals
from sessions_app.scoring.detection_settings import DetectionSettings
from sessions_app.scoring.score import ScoreSettings, score
from tests.anomalies_app.rooms import Stretch, room, together

BUILT_IN = load_calibration()
QUIET = Stretch(ticks=80, people=200, chat=40)
EXIT = Stretch(ticks=12, people=80, chat=30, leave_rate=0.6)
GONE = Stretch(ticks=30, people=80, chat=16)


def raised(recorded: RecordedSignals, **wishes: object) -> list[Detection]:
    return detect_recorded(recorded, BUILT_IN, settings=DetectionSettings(**wishes))


def kinds(detections: list[Detection]) -> list[str]:
    return [detection.type for detection in detections]


def test_a_quiet_room_raises_nothing() -> None:
    assert raised(room(Stretch(600, 200, 40), seed=1)) == []


def test_a_mass_exit_is_raised_once_with_its_reason() -> None:
    (detection,) = raised(room(QUIET, EXIT, GONE))
    assert detection.type == "MASS_EXIT"
    assert 80 <= detection.tick <= 82
    assert detection.reason.startswith("Active users fell from 200 to 80 in ")
    assert detection.reason.endswith("60% left within a minute")
    assert detection.severity == detection.worst_severity == "CRITICAL"
    assert detection.expected_engagement > detection.current_engagement
    assert detection.deviation == pytest.approx(
        detection.expected_engagement - detection.current_engagement, abs=1e-3
    )


def test_a_third_of_a_hundred_thousand_people_is_missed() -> None:
    (detection,) = raised(room(Stretch(80, 100_000, 90_000), Stretch(40, 66_000, 90_000, 0.3)))
    assert detection.tick <= 84
    assert re.match(r"Active users fell from \d{2,3},\d{3} to 66,\d{3} in ", detection.reason)


def test_a_sudden_drop_is_raised_within_two_ticks() -> None:
    (detection,) = raised(room(QUIET, Stretch(40, 110, 22, over=2)))
    assert detection.type == "SUDDEN_DROP"
    assert detection.tick <= 82
    assert detection.reason.startswith("Active users fell from 200 to ")


def test_a_fall_over_minutes_is_a_gradual_decline() -> None:
    detections = raised(room(QUIET, Stretch(120, 110, 18, over=100)))
    assert kinds(detections) == ["GRADUAL_DECLINE"]


def test_a_room_that_falls_to_nothing_ends_in_low_engagement() -> None:
    detections = raised(room(QUIET, Stretch(60, 30, 0, over=20)))
    assert detections[-1].type == "LOW_ENGAGEMENT"
    assert detections[-1].worst_severity == "CRITICAL"


def test_engagement_is_low_once_a_silence_has_lasted() -> None:
    fallen, after = Stretch(30, 130, 3, over=3), Stretch(60, 130, 3)
    shortly = raised(room(QUIET, fallen, Stretch(14, 130, 0), after))
    lastingly = raised(room(QUIET, fallen, Stretch(40, 130, 0), after))
    assert kinds(shortly) == ["SUDDEN_DROP"]
    assert kinds(lastingly) == ["SUDDEN_DROP", "LOW_ENGAGEMENT"]


def test_a_chatty_room_that_goes_quiet_while_people_stay_says_so() -> None:
    (detection,) = raised(room(QUIET, Stretch(60, 196, 2, over=10)))
    assert "messages a minute" in detection.reason
    assert re.search(r"while 196 of (199|200) people stayed", detection.reason)


def test_a_fall_from_200_messages_to_30_is_seen_although_chat_saturates_at_20() -> None:
    before = Stretch(200, 500, 200)
    assert raised(room(before, Stretch(60, 460, 30, over=3)))


@pytest.mark.parametrize(
    "what",
    [
        pytest.param(
            [Stretch(2, 150, 40, 0.25), Stretch(1, 175, 40, 0.25), Stretch(40, 200, 40, 0.2)],
            id="hiccup",
        ),
        pytest.param([Stretch(12, 200, 8, over=6), Stretch(40, 200, 40)], id="lull"),
        pytest.param([Stretch(40, 200, 40, participation=0.6), Stretch(40, 200, 40)], id="poll"),
        pytest.param([Stretch(200, 188, 38, over=200)], id="drift"),
        pytest.param([Stretch(20, 200, 160), Stretch(40, 200, 40)], id="burst"),
        pytest.param([Stretch(30, 90, 0, 0.5, muted=True), Stretch(60, 200, 40)], id="break"),
    ],
)
def test_what_looks_like_trouble_and_is_none_raises_nothing(what: list[Stretch]) -> None:
    assert raised(room(QUIET, *what)) == []


def test_two_of_six_people_are_no_mass_exit() -> None:
    assert raised(room(Stretch(80, 6, 3), Stretch(40, 4, 2, 0.33))) == []


@pytest.mark.parametrize("people", [1, 2])
def test_one_or_two_who_leave_a_room_of_their_own_are_no_detection(people: int) -> None:
    assert raised(room(Stretch(60, people, 4), Stretch(60, 0, 0))) == []


def test_an_episode_ends_when_people_return() -> None:
    (detection,) = raised(room(QUIET, EXIT, Stretch(60, 200, 40)))
    assert detection.ended_tick is not None
    assert 92 < detection.ended_tick < 110


def test_what_has_lasted_is_the_new_normal_and_can_fall_again() -> None:
    again = [Stretch(12, 30, 8, 0.6), Stretch(20, 30, 6)]
    detections = raised(room(QUIET, EXIT, Stretch(100, 80, 16), *again))
    assert kinds(detections)[:1] == ["MASS_EXIT"]
    assert next(detection.type for detection in detections if detection.tick > 180) == "MASS_EXIT"


def test_a_muted_type_is_not_raised() -> None:
    muted = {"mute_mass_exit": True, "mute_sudden_drop": True, "mute_gradual_decline": True}
    recorded = room(QUIET, EXIT, GONE)
    assert "MASS_EXIT" not in kinds(raised(recorded, mute_mass_exit=True))
    assert raised(recorded, **muted, mute_low_engagement=True) == []


def test_sensitivity_raises_more_or_less() -> None:
    small = room(QUIET, Stretch(40, 176, 32, over=2), seed=4)
    assert raised(small, sensitivity=4.0)
    assert not raised(small, sensitivity=0.25)


def test_nothing_is_raised_in_the_first_two_minutes() -> None:
    assert raised(room(Stretch(15, 200, 40), Stretch(8, 60, 5, 0.7))) == []


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


def test_a_state_goes_on_from_its_bytes() -> None:
    recorded = together(room(QUIET, EXIT, GONE, seed=1), room(QUIET, GONE, name="b", seed=2))
    plain, stored = _run(recorded, store=False), _run(recorded, store=True)
    assert plain == stored


def _run(recorded: RecordedSignals, store: bool) -> list[tuple]:
    detector, state, found = Detector(BUILT_IN), DetectorState(-1), []
    for step in RecordedSessions(recorded).steps():
        if store:
            state = DetectorState.from_bytes(state.to_bytes())
        state = state.aligned(step.stretches)
        judgement = detector.step(
            state,
            step.number,
            step.signals,
            score(step.signals, ScoreSettings()),
            step.muted,
            ScoreSettings(),
            DetectionSettings(),
        )
        assert not any(np.isnan(values).any() for values in judgement.features.forest_inputs())
        found.append((judgement.score.tolist(), judgement.changes.began.tolist()))
    return found


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


def test_portions_of_a_tick_make_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    rooms = [room(QUIET, EXIT, GONE, name=f"r{seed}", seed=seed) for seed in range(3)]
    falling = [room(QUIET, Stretch(60, 30, 0, over=20), name=f"f{seed}") for seed in range(2)]
    recorded = together(*rooms, *falling)
    whole, at_once = raised(recorded), _run(recorded, store=True)
    monkeypatch.setattr(batches, "BATCH_SIZE", 2)
    assert raised(recorded) == whole
    assert {detection.type for detection in whole} > {"MASS_EXIT", "LOW_ENGAGEMENT"}
    assert _run(recorded, store=True) == at_once
