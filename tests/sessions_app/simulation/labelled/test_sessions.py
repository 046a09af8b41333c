"""Labelled sessions: reproducible, varied, and what the labels say is true."""

import time
from collections import Counter

import numpy as np
import pytest

from sessions_app.scoring.score import ScoreSettings, Signals, score
from sessions_app.simulation.labelled.kinds import KINDS, KINDS_BY_KEY
from sessions_app.simulation.labelled.labels import ANOMALY_TYPES, Anomaly
from sessions_app.simulation.labelled.sessions import (
    LabelledSession,
    draw_character,
    recorded,
    simulate_session,
    simulate_sessions,
)
from sessions_app.ticks import TICK_SECONDS, WINDOW_TICKS

COUNT = 90


@pytest.fixture(scope="module")
def sessions() -> list[LabelledSession]:
    return list(simulate_sessions(7, COUNT))


def anomalies_of(sessions: list[LabelledSession], kind: str) -> list[tuple[Anomaly, Signals]]:
    return [
        (anomaly, session.signals)
        for session in sessions
        for anomaly in session.labels.anomalies
        if anomaly.type == kind
    ]


def engagement(signals: Signals) -> np.ndarray:
    """The score without polls."""
    return score(signals._replace(poll_participation=0.0), ScoreSettings())


def test_a_session_depends_on_seed_and_number_only(sessions):
    alone = simulate_session(7, 5)
    assert alone.labels == sessions[5].labels
    assert alone.agenda == sessions[5].agenda
    for name, column in alone.signals._asdict().items():
        np.testing.assert_array_equal(column, getattr(sessions[5].signals, name))
    assert simulate_session(8, 5).labels != alone.labels


def test_sessions_differ_widely(sessions):
    labels = [session.labels for session in sessions]
    assert {each.kind for each in labels} == {kind.key for kind in KINDS}
    sizes = [each.size for each in labels]
    assert min(sizes) < 20
    assert max(sizes) > 900
    assert all(8 <= size <= 2000 for size in sizes)
    minutes = [each.ticks * TICK_SECONDS / 60 for each in labels]
    assert min(minutes) < 40
    assert max(minutes) > 90
    chat = [float(np.median(session.signals.chat_msgs_per_min)) for session in sessions]
    assert np.percentile(chat, 10) < 3
    assert np.percentile(chat, 90) > 25
    announced = {draw_character(7, number).character.announced for number in range(40)}
    assert {0.0, 1.0} < announced


def test_signals_are_possible(sessions):
    for signals, agenda, labels in sessions:
        assert {len(column) for column in signals} == {labels.ticks} == {len(agenda)}
        assert (signals.active_users <= signals.total_users).all()
        assert (np.diff(signals.total_users) >= 0).all()
        assert signals.total_users[-1] <= labels.size
        for ratio in (signals.poll_participation, signals.user_leave_rate):
            assert ((ratio >= 0) & (ratio <= 1)).all()


def test_all_types_happen_about_equally_often(sessions):
    counts = Counter(anomaly.type for session in sessions for anomaly in session.labels.anomalies)
    assert set(counts) == set(ANOMALY_TYPES)
    assert min(counts.values()) > 0.12 * sum(counts.values())
    assert 0.5 < sum(counts.values()) / COUNT < 1.2
    assert sum(not session.labels.anomalies for session in sessions) > 0.25 * COUNT


def test_what_looks_similar_is_labelled_too(sessions):
    kinds = {part.kind for session in sessions for part in session.labels.negatives}
    assert kinds == {
        "ramp_up",
        "small_room",
        "drift",
        "segment",
        "applause",
        "lull",
        "chat_burst",
        "hiccup",
        "poll",
    }
    for session in sessions:
        for part in (*session.labels.negatives, *session.labels.excused):
            assert 0 <= part.start <= part.end < session.labels.ticks


def test_the_agenda_knows_breaks_and_the_closing(sessions):
    words = Counter(word for session in sessions for word in session.agenda)
    assert set(words) == {"programme", "break", "closing"}
    for _, agenda, labels in sessions:
        excused = {tick for part in labels.excused for tick in range(part.start, part.end + 1)}
        assert {tick for tick, word in enumerate(agenda) if word != "programme"} <= excused


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


def test_a_kind_can_be_chosen():
    labels = [session.labels for session in simulate_sessions(1, 10, KINDS_BY_KEY["meetup"])]
    assert {each.kind for each in labels} == {"meetup"}
    assert max(each.size for each in labels) <= 50


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
