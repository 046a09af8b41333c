"""The sentences of detections."""

import pytest

from anomalies_app.detector.episodes import Kind
from anomalies_app.detector.explanations import _sentence
from anomalies_app.evaluation.offline import detect_recorded
from anomalies_app.records import SignalMove
from anomalies_app.shards.calibration_files import load_calibration
from tests.anomalies_app.rooms import Stretch, room


@pytest.mark.parametrize(
    ("move", "kind", "people", "sentence"),
    [
        (
            SignalMove("active_users", 190.4, 121, 40),
            Kind.SUDDEN_DROP,
            (121, 190),
            "Active users fell from 190 to 121 in 40 seconds",
        ),
        (
            SignalMove("active_users", 1_900, 1_210, 115),
            Kind.MASS_EXIT,
            (1_210, 1_900),
            "Active users fell from 1,900 to 1,210 in 115 seconds; 36% left within a minute",
        ),
        (
            SignalMove("chat_msgs_per_min", 40, 2, 120),
            Kind.SUDDEN_DROP,
            (196, 200),
            "Chat fell from 40 to 2 messages a minute in 2 minutes while 196 of 200 people stayed",
        ),
        (
            SignalMove("chat_msgs_per_min", 40, 2, 60),
            Kind.SUDDEN_DROP,
            (210, 200),
            "Chat fell from 40 to 2 messages a minute in 60 seconds while 200 of 200 people stayed",
        ),
        (
            SignalMove("chat_msgs_per_min", 40, 2, 320),
            Kind.GRADUAL_DECLINE,
            (120, 200),
            "Chat fell from 40 to 2 messages a minute over more than 5 minutes",
        ),
        (
            SignalMove("reactions_per_min", 30, 3, 60),
            Kind.LOW_ENGAGEMENT,
            (0, 0),
            "Reactions fell from 30 to 3 a minute in 60 seconds",
        ),
    ],
)
def test_one_plain_sentence_says_what_moved(move, kind, people, sentence):
    assert _sentence(move, kind, people, 0.36) == sentence


@pytest.mark.parametrize("minutes", [3, 6, 15])
def test_a_chat_that_falls_silent_is_told_from_what_it_was(minutes):
    filling = Stretch(12, people=200, chat=200, over=12)
    lively, silent = Stretch(12 * minutes, people=200, chat=200), Stretch(36, people=200, chat=0)
    recorded = room(Stretch(1, people=180, chat=0), filling, lively, silent)
    (detection, *_) = detect_recorded(recorded, load_calibration(None))
    assert detection.reason.startswith("Chat fell from 200 to 0 messages a minute in ")
