"""What is true of a session, if chance had no part in it."""

import numpy as np
import pytest

from sessions_app.scoring.score import ScoreSettings, Signals, score
from sessions_app.ticks import TICK_SECONDS
from tests.sessions_app.simulation.labelled.drawn import anomalies_of


def engagement(signals: Signals) -> np.ndarray:
    """The score without polls."""
    return score(signals._replace(poll_participation=0.0), ScoreSettings())


def test_engagement_is_low_where_it_is_said_to_be(sessions):
    found = anomalies_of(sessions, "LOW_ENGAGEMENT")
    lowest = [
        float(engagement(signals)[anomaly.evident : anomaly.end + 1].min())
        for anomaly, signals in found
    ]
    assert np.mean(np.array(lowest) < 0.2) > 0.9


@pytest.mark.parametrize(
    ("kind", "ticks"), [("SUDDEN_DROP", (6, 14)), ("GRADUAL_DECLINE", (10, 90))]
)
def test_engagement_falls_as_fast_and_as_far_as_it_is_said_to(sessions, kind, ticks):
    falls = []
    for anomaly, signals in anomalies_of(sessions, kind):
        level = engagement(signals)
        before = np.median(level[anomaly.start - 36 : anomaly.start])
        onset = round(anomaly.onset_s / TICK_SECONDS)
        sunk = anomaly.start + onset
        after = np.median(level[sunk + 6 : sunk + 18])
        falls.append((1 - after / before) / anomaly.magnitude)
        assert ticks[0] <= anomaly.evident - anomaly.start <= ticks[1]
    assert 0.75 < np.median(falls) < 1.25


def test_magnitudes_are_those_of_the_definitions(sessions):
    for session in sessions:
        for anomaly in session.labels.anomalies:
            if anomaly.type == "SUDDEN_DROP":
                assert anomaly.magnitude >= 0.25
                assert anomaly.onset_s <= 30
            elif anomaly.type == "GRADUAL_DECLINE":
                assert 180 <= anomaly.onset_s <= 720
            elif anomaly.type == "LOW_ENGAGEMENT":
                assert anomaly.level_after < 0.2
