"""Kinds of sessions."""

from collections import Counter

from sessions_app.simulation.labelled.kinds import KINDS_BY_KEY
from sessions_app.simulation.labelled.labels import ANOMALY_TYPES
from sessions_app.simulation.labelled.sessions import (
    simulate_sessions,
)
from tests.sessions_app.simulation.labelled.drawn import COUNT


def test_all_types_happen_about_equally_often(sessions):
    counts = Counter(anomaly.type for session in sessions for anomaly in session.labels.anomalies)
    assert set(counts) == set(ANOMALY_TYPES)
    assert min(counts.values()) > 0.12 * sum(counts.values())
    assert 0.5 < sum(counts.values()) / COUNT < 1.2
    assert sum(not session.labels.anomalies for session in sessions) > 0.25 * COUNT


def test_a_kind_can_be_chosen():
    labels = [session.labels for session in simulate_sessions(1, 10, KINDS_BY_KEY["meetup"])]
    assert {each.kind for each in labels} == {"meetup"}
    assert max(each.size for each in labels) <= 50
