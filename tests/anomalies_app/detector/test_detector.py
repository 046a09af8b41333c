"""What the detector raises, and what it does not."""

import re

import numpy as np
import pytest

from anomalies_app.detector.calibration import SizeClasses, anomaly_score, surprises
from anomalies_app.detector.detector import Detector
from anomalies_app.detector.episodes import is_building_up
from anomalies_app.detector.features import extract, initialise, is_suspicious, vitality
from anomalies_app.detector.forest_state import learn_many, score_many, window_of
from anomalies_app.detector.state import FOREST, DetectorState
from anomalies_app.evaluation.offline import Detection, detect_recorded
from anomalies_app.shards.calibration_files import load_calibration
from sessions_app.recordings.signal_recording import RecordedSignals
from sessions_app.scoring.detection_settings import DetectionSettings
from sessions_app.scoring.score import ScoreSettings
from tests.anomalies_app.detector.reference_features import (
    COUNT,
    TICK,
    some_rooms,
    some_signals,
)
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


@pytest.mark.parametrize("seed", range(4))
def test_a_step_puts_its_parts_together(seed: int) -> None:
    random = np.random.default_rng(seed)
    state = some_rooms(random)
    state["age"][:2] = 23, 24
    own = window_of(FOREST, FOREST.turns(random.random((FOREST.window, 6))))
    state.forest.set_reference(np.arange(30, 34), own)
    state["episode"] = random.choice([0, 0, 0, 1], COUNT)
    state["slow_run"] = random.choice([0, 0, 5], COUNT)
    signals, scores = some_signals(random, state), random.random(COUNT)
    muted = random.random(COUNT) < 0.2
    score_settings = ScoreSettings(chat_weight=random.uniform(0.1, 0.5, COUNT))
    settings = DetectionSettings(sensitivity=random.uniform(0.5, 2, COUNT))
    after = DetectorState.from_bytes(state.to_bytes())
    found = Detector(BUILT_IN).step(after, TICK, signals, scores, muted, score_settings, settings)
    assert after.tick == TICK

    vitalities = vitality(state, signals, score_settings)
    initialise(state, signals, vitalities, scores)
    features = extract(state, TICK, signals, vitalities)
    for ours, expected in zip(found.features, features, strict=True):
        np.testing.assert_array_equal(ours, expected)
    sizes = SizeClasses.of(state["presence_level"])
    assert found.sizes.classes.tolist() == sizes.classes.tolist()
    scaled = surprises(BUILT_IN.of_features, np.array(features.forest_inputs()), sizes) / 4
    np.testing.assert_allclose(found.points, np.minimum(scaled, 1).T, rtol=1e-6)
    turns = FOREST.turns(found.points)
    waiting = (state["age"] >= 24) & ~state.forest.is_live
    for row in np.flatnonzero(waiting):
        prior = window_of(FOREST, FOREST.turns(BUILT_IN.prior[sizes.classes[row]]))
        state.forest.set_reference(np.array([row]), prior)
    forest = score_many(FOREST, state.forest, turns)
    np.testing.assert_allclose(found.forest, forest, rtol=1e-6)
    assert (found.forest[state["age"] < 24] == 0).sum() > 5
    deviations = features.presence_deviations + features.vitality_deviations
    deviation = np.maximum(deviations / 2**0.5, 0)
    np.testing.assert_allclose(found.deviation, deviation, rtol=1e-5)
    of_forest = BUILT_IN.forest.surprise(found.forest, sizes)
    of_deviation = BUILT_IN.deviation.surprise(found.deviation, sizes)
    combined = 0.7 * of_forest + 0.3 * of_deviation
    np.testing.assert_allclose(found.combined, combined, atol=1e-6)
    surprise = BUILT_IN.combined.surprise(found.combined, sizes)
    score = anomaly_score(0.87 * surprise + np.log10(settings.sensitivity))
    np.testing.assert_allclose(found.score, score, atol=1e-6)
    assert {part.dtype for part in (found.forest, found.combined, found.score)} == {
        np.dtype(np.float32)
    }

    learning = (after["episode"] == 0) & ~muted
    usual = ~is_suspicious(features) & ~is_building_up(after)
    learn_many(FOREST, state.forest, turns, learning & usual & (state["age"] >= 24))
    for name, array in vars(state.forest).items():
        np.testing.assert_array_equal(getattr(after.forest, name), array)
    assert after["age"].tolist() == np.minimum(state["age"] + 1.0, 60_000).tolist()
    kept = after["vitality_level"] == state["vitality_level"]
    expected = ~learning | (vitalities == state["vitality_level"])
    # A room whose episode ends starts over from its present values.
    expected[found.changes.ended] = kept[found.changes.ended]
    np.testing.assert_array_equal(kept, expected)
