"""Labelled sessions: reproducible, varied, and what the labels say is true."""

import time

import numpy as np

from sessions_app.simulation.labelled.sessions import (
    recorded,
    simulate_session,
)


def test_a_session_depends_on_seed_and_number_only(sessions):
    alone = simulate_session(7, 5)
    assert alone.labels == sessions[5].labels
    assert alone.agenda == sessions[5].agenda
    for name, column in alone.signals._asdict().items():
        np.testing.assert_array_equal(column, getattr(sessions[5].signals, name))
    assert simulate_session(8, 5).labels != alone.labels


def test_signals_are_possible(sessions):
    for signals, agenda, labels in sessions:
        assert {len(column) for column in signals} == {labels.ticks} == {len(agenda)}
        assert (signals.active_users <= signals.total_users).all()
        assert (np.diff(signals.total_users) >= 0).all()
        assert signals.total_users[-1] <= labels.size
        for ratio in (signals.poll_participation, signals.user_leave_rate):
            assert ((ratio >= 0) & (ratio <= 1)).all()


def test_sessions_become_one_table(sessions):
    signals, agenda = recorded(sessions[:3])
    lengths = [session.labels.ticks for session in sessions[:3]]
    assert signals.row_count == sum(lengths) == len(agenda)
    assert signals.session_ids == ["s0000", "s0001", "s0002"]
    assert np.bincount(signals.session).tolist() == lengths
    assert signals.tick.tolist() == [tick for length in lengths for tick in range(length)]
    assert signals.muted.tolist() == [word != "programme" for word in agenda]
    rows = signals.session == 1
    np.testing.assert_array_equal(signals.active_users[rows], sessions[1].signals.active_users)


def test_no_sessions_are_an_empty_table():
    assert recorded([])[0].row_count == 0


def test_simulation_is_fast():
    start = time.process_time()
    for number in range(20):
        simulate_session(11, number)
    assert time.process_time() - start < 90 / 10
