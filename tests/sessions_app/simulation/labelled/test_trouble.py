"""Trouble that is drawn is as it is labelled."""

import numpy as np

from sessions_app.ticks import WINDOW_TICKS
from tests.sessions_app.simulation.labelled.drawn import anomalies_of


def test_anomalies_lie_apart_from_each_other_and_from_what_is_excused(sessions):
    for session in sessions:
        labels = session.labels
        excused = {tick for part in labels.excused for tick in range(part.start, part.end + 1)}
        last_end = 0
        for anomaly in labels.anomalies:
            assert last_end + WINDOW_TICKS < anomaly.start <= anomaly.evident <= anomaly.end
            assert anomaly.end < labels.ticks
            assert not excused & set(range(anomaly.start, anomaly.end + 1))
            assert 0 < anomaly.magnitude <= 1
            last_end = anomaly.end


def test_people_leave_in_a_mass_exit(sessions):
    exits = anomalies_of(sessions, "MASS_EXIT")
    assert all(30 <= anomaly.onset_s <= 90 for anomaly, _ in exits)
    assert all(0.2 <= anomaly.magnitude <= 0.6 for anomaly, _ in exits)
    rates = [
        max(signals.user_leave_rate[anomaly.start : anomaly.end + 1]) for anomaly, signals in exits
    ]
    assert np.mean(np.array(rates) >= 0.15) > 0.95


def test_nobody_leaves_as_in_a_mass_exit_in_the_others(sessions):
    for kind in ("SUDDEN_DROP", "GRADUAL_DECLINE", "LOW_ENGAGEMENT"):
        rates = [
            np.asarray(signals.user_leave_rate)[anomaly.start : anomaly.end + 1]
            for anomaly, signals in anomalies_of(sessions, kind)
        ]
        # In small rooms, and after hiccups, chance makes exceptions.
        assert np.mean(np.concatenate(rates) >= 0.15) < 0.06
