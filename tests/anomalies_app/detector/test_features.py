"""What speaks for a loss of engagement, and what a room teaches about itself."""

import numpy as np
import pytest

from anomalies_app.detector.features import Features, is_suspicious, learn, restart_levels, vitality
from anomalies_app.detector.state import DetectorState
from sessions_app.scoring.score import ScoreSettings, Signals

ONE = np.ones(1, np.bool_)


def known(**values: float) -> DetectorState:
    state = DetectorState.fresh(100, np.arange(1))
    usual = {"age": 200, "presence_level": 100, "vitality_level": 0.4, "chat_level": 20}
    for name, value in {**usual, **values}.items():
        state[name] = np.full(1, value)
    return state


def features(**values: float) -> Features:
    usual = dict.fromkeys(Features._fields, 0.0) | {"presence": 100.0, "vitality": 0.4}
    usual |= {"presence_minute_ago": 100.0, "vitality_minute_ago": 0.4}
    return Features(*(np.float32([value]) for value in (usual | values).values()))


def signals(chat: float = 20.0, active: int = 100, leaving: float = 0.0) -> Signals:
    return Signals(*(np.float32([value]) for value in (chat, 0.0, active, active, 0.0, leaving)))


def test_vitality_is_the_score_without_polls_and_reactions() -> None:
    lively = vitality(known(), signals(), ScoreSettings())
    assert lively.tolist() == pytest.approx([0.30 + 0.25])
    assert vitality(known(), signals(leaving=0.5), ScoreSettings()).tolist() == pytest.approx([0.5])
    half = vitality(known(), signals(active=50), ScoreSettings())
    assert half.tolist() == pytest.approx([0.425])


def test_a_chatty_room_is_measured_by_its_own_level() -> None:
    chatty = known(chat_level=200)
    full = vitality(chatty, signals(chat=200), ScoreSettings())
    less = vitality(chatty, signals(chat=30), ScoreSettings())
    assert full.tolist() == pytest.approx([0.55])
    assert less[0] < 0.47


def test_a_fall_is_suspicious_beyond_noise() -> None:
    assert is_suspicious(features(presence_fall=0.031, presence_deviations=3.1)).all()
    assert not is_suspicious(features(presence_fall=0.029, presence_deviations=9)).any()
    assert not is_suspicious(features(presence_fall=0.5, presence_deviations=2.9)).any()


def test_levels_take_up_a_rise_quickly_and_a_fall_slowly() -> None:
    rising, falling = known(), known()
    learn(rising, features(presence=124.0), signals(), ONE)
    learn(falling, features(presence=76.0), signals(), ONE)
    assert rising["presence_level"].tolist() == pytest.approx([101])
    # No faster than it drifts: 0.08 %, and 1 % of the least noise that there is.
    noise = (0.03 / 100) ** 0.5
    expected = 100 * (1 - 0.0008 - 0.01 * noise)
    assert falling["presence_level"].tolist() == pytest.approx([expected], abs=1e-3)


def test_while_people_come_in_levels_follow() -> None:
    state = known(age=47)
    learn(state, features(presence=40.0, vitality=0.16), signals(), ONE)
    assert state["presence_level"].tolist() == pytest.approx([94])
    assert state["vitality_level"].tolist() == pytest.approx([0.39])


def test_whoever_may_not_learn_keeps_everything() -> None:
    state = known(presence_dispersion=0.3, vitality_variance=0.0036)
    before = {name: state[name].tolist() for name in state.vectors}
    learn(state, features(presence=10.0, vitality=0.1), signals(), np.zeros(1, np.bool_))
    assert {name: state[name].tolist() for name in state.vectors} == before


def test_noise_is_learned_from_what_is_no_trouble() -> None:
    noisy = known(presence_dispersion=0.3, vitality_variance=0.0036)
    learn(noisy, features(presence=112.0, vitality=0.5), signals(), ONE)
    assert noisy["presence_dispersion"][0] > 0.3
    assert noisy["vitality_variance"][0] > 0.0036
    quiet = known(presence_dispersion=0.3, vitality_variance=0.0036)
    for _ in range(2_000):
        learn(quiet, features(), signals(), ONE)
    assert quiet["presence_dispersion"].tolist() == pytest.approx([0.03])
    assert quiet["vitality_variance"].tolist() == pytest.approx([0.015**2])
    left = known(presence_dispersion=0.3, vitality_variance=0.0036)
    learn(left, features(presence=60.0, presence_fall=0.4, presence_deviations=8), signals(), ONE)
    assert left["presence_dispersion"].tolist() == pytest.approx([0.3])


def test_what_is_there_becomes_the_new_normal() -> None:
    state = known(score_level=0.7)
    state.fill("score", ONE, np.float32([0.5]))
    state.fill("chat", ONE, np.float32([7]))
    restart_levels(state, features(presence=60.0, vitality=0.2), np.array([0]))
    assert state["presence_level"].tolist() == [60]
    assert state["vitality_level"].tolist() == pytest.approx([0.2])
    assert state["chat_level"].tolist() == [7]
    assert state["score_level"].tolist() == [0.5]
    restart_levels(state, features(), np.zeros(0, np.int64))
    assert state["presence_level"].tolist() == [60]


def test_the_forest_sees_six_features() -> None:
    numbered = Features(*(np.float32([number]) for number in range(len(Features._fields))))
    names = (
        "presence_deviations",
        "vitality_deviations",
        "chat_fall",
        "net_loss",
        "slide",
        "vitality_slow",
    )
    assert [feature[0] for feature in numbered.forest_inputs()] == [
        Features._fields.index(name) for name in names
    ]
