"""What speaks for a loss of engagement, and what a room teaches about itself."""

from dataclasses import astuple, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anomalies_app.detector.features import (
    Features,
    extract,
    initialise,
    is_suspicious,
    learn,
    restart_levels,
    vitality,
)
from anomalies_app.detector.state import DetectorState
from sessions_app.scoring.score import ScoreSettings, Signals
from tests.anomalies_app.detector.reference_features import (
    COUNT,
    TICK,
    Learned,
    after_learning,
    features_of,
    learned,
    some_rooms,
    some_signals,
    ticks_of,
    vitality_of,
)

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


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=20)
def test_all_sessions_at_once_are_like_one_after_the_other(seed: int) -> None:
    random = np.random.default_rng(seed)
    state = some_rooms(random)
    signals, scores = some_signals(random, state), np.float32(random.random(COUNT))
    vitalities = vitality(state, signals, ScoreSettings())
    before, remembered = learned(state), {name: ring.copy() for name, ring in state.rings.items()}
    rooms = list(zip(before, ticks_of(signals, vitalities, scores), strict=True))
    expected = [vitality_of(room, now) for room, now in rooms]
    np.testing.assert_allclose(vitalities, expected, rtol=1e-4, atol=1e-5)

    found = extract(state, TICK, signals, vitalities)
    for row, (room, now) in enumerate(rooms):

        def ago(name: str, ticks: int, row: int = row) -> float:
            return float(remembered[name][(TICK - ticks) % 64, row])

        values = [float(feature[row]) for feature in found]
        np.testing.assert_allclose(values, features_of(room, now, ago), rtol=1e-3, atol=2e-4)
    moved = {name: state[name].tolist() for name in ("presence_slow", "vitality_slow")}
    assert moved == {name: getattr(found, name).tolist() for name in moved}

    state.tick = TICK
    state.remember("score", TICK, scores)
    learning = random.random(COUNT) < 0.8
    learn(state, found, signals, learning)
    now_known, scores = learned(state), state.remembered("score", TICK)
    for row, now in enumerate(ticks_of(signals, vitalities, scores)):
        room = replace(before[row], **{name: moved[name][row] for name in moved})
        features = Features(*(float(feature[row]) for feature in found))
        after = after_learning(room, features, now) if learning[row] else room
        np.testing.assert_allclose(astuple(now_known[row]), astuple(after), rtol=1e-4)


def test_what_a_tick_brings_is_remembered_in_single_precision() -> None:
    random = np.random.default_rng(1)
    state = some_rooms(random)
    signals = some_signals(random, state)
    vitalities = vitality(state, signals, ScoreSettings())
    wide = Signals(*(np.float64(column) for column in signals))
    found = extract(state, TICK, wide, vitalities)
    assert {feature.dtype for feature in found} == {np.dtype(np.float32)}
    assert state.remembered("presence", TICK).tolist() == found.presence.tolist()
    assert state.remembered("vitality", TICK) == pytest.approx(vitalities, abs=1e-3)
    chat = np.asarray(signals.chat_msgs_per_min)
    assert state.remembered("chat", TICK) == pytest.approx(chat, rel=1e-3)


def test_the_first_tick_of_a_session_is_its_level_and_its_past() -> None:
    state = DetectorState.fresh(99, np.arange(2))
    state["age"] = np.array([0, 7])
    both = Signals(*(np.float32([value, value]) for value in (30, 0.5, 120, 130, 8, 0.1)))
    initialise(state, both, np.float32([0.4, 0.4]), np.array([0.625, 0.625]))
    new, old = learned(state)
    assert astuple(new) == pytest.approx(
        astuple(
            Learned(
                age=0,
                presence_level=120,
                presence_dispersion=0.3,
                vitality_level=0.4,
                vitality_variance=0.0036,
                chat_level=30,
                reactions_level=8,
                score_level=0.625,
                presence_slow=0,
                vitality_slow=0,
            )
        )
    )
    assert astuple(old) == (7, *[0] * 9)
    for name, value in {"presence": 120, "chat": 30, "vitality": 0.4, "score": 0.625}.items():
        assert (state.rings[name] == state.rings[name].dtype.type([value, 0])).all()
    before = state.to_bytes()
    state["age"] = np.array([1, 8])
    initialise(state, both, np.float32([0.1, 0.1]), np.array([0.1, 0.1]))
    state["age"] = np.array([0, 7])
    assert state.to_bytes() == before


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
    assert not is_suspicious(features(presence_fall=0.03, presence_deviations=9)).any()
    assert not is_suspicious(features(presence_fall=0.5, presence_deviations=3)).any()


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


def test_each_session_starts_over_from_its_own_score() -> None:
    state = DetectorState.fresh(100, np.arange(3))
    state.fill("score", np.ones(3, np.bool_), np.float32([0.25, 0.5, 0.75]))
    state.remember("score", 100, np.float32([0.25, 0.5, 0.15]))
    restart_levels(state, Features(*[np.ones(3, np.float32)] * 13), np.array([2, 0]))
    assert state["score_level"].tolist() == pytest.approx([0.25, 0, 0.7], rel=1e-3)


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
