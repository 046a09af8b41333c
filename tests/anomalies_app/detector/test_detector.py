"""What the detector raises, and what it does not."""

import re

import pytest

from anomalies_app.evaluation.offline import Detection, detect_recorded
from anomalies_app.shards.calibration_files import load_calibration
from sessions_app.recordings.signal_recording import RecordedSignals
from sessions_app.scoring.detection_settings import DetectionSettings
from tests.anomalies_app.rooms import Stretch, room

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


def test_sensitivity_raises_more_or_less() -> None:
    small = room(QUIET, Stretch(40, 176, 32, over=2), seed=4)
    assert raised(small, sensitivity=4.0)
    assert not raised(small, sensitivity=0.25)
