"""The sentences of detections."""

import math

import numpy as np
import pytest

from anomalies_app.detector.episodes import Kind
from anomalies_app.detector.explanations import _sentence, explain_changes
from anomalies_app.detector.state import DetectorState
from anomalies_app.evaluation.offline import detect_recorded
from anomalies_app.records import SignalMove
from anomalies_app.shards.calibration_files import load_calibration
from sessions_app.scoring.score import Signals
from tests.anomalies_app.rooms import Stretch, room

TICK = 1_000
NAMES = ("active_users", "chat_msgs_per_min", "reactions_per_min")
LEVELS = ("presence_level", "chat_level", "reactions_level")


def falling_rooms(random: np.random.Generator, count: int) -> tuple[DetectorState, Signals]:
    """Rooms of all sizes whose signals have fallen for one tick up to eight minutes."""
    state = DetectorState.fresh(TICK, np.arange(count))
    state["age"] = random.choice([1, 2, 5, 30, 62, 63, 64, 500], count)
    state["presence_dispersion"] = random.uniform(0.03, 2, count)
    state["episode"] = random.choice(list(Kind), count)
    usual = np.exp(random.uniform(-0.5, 6, (3, count)))
    nows = usual * random.choice([0, 0.2, 0.6, 0.9, 1, 1.2], (3, count))
    for name, values in zip(LEVELS, usual, strict=True):
        state[name] = values
    lengths = random.choice([1, 2, 7, 39, 74, 100], (2, count))
    for ago in range(64):
        past = nows[:2] + (usual[:2] * [[1], [1.2]] - nows[:2]) * np.minimum(1, ago / lengths)
        for name, values in zip(("presence", "chat"), past, strict=True):
            state.remember(name, TICK - ago, values)
    people, chat, reactions = np.float32(nows)
    leaving = np.float32(random.random(count))
    return state, Signals(chat, np.zeros(count), people, people, reactions, leaving)


def strength(before: float, now: float, scatter: float) -> float:
    return math.log((1 + before) / (1 + now)) / math.sqrt(scatter**2 + 1 / (1 + before))


def test_the_signal_that_fell_most_explains_since_it_began_to_fall() -> None:
    random = np.random.default_rng(3)
    state, signals = falling_rooms(random, 600)
    rows = random.permutation(600)[:500]
    columns = [signals.active_users, signals.chat_msgs_per_min, signals.reactions_per_min]
    named = set()
    for row, (move, sentence) in zip(rows, explain_changes(state, signals, rows), strict=True):
        nows = [float(column[row]) for column in columns]
        befores = [float(state[name][row]) for name in LEVELS]
        people = max(befores[0], 1)
        deviation = math.sqrt(state["presence_dispersion"][row] * people)
        strengths = [
            (people - nows[0]) / deviation,
            strength(befores[1], nows[1], 0.35),
            strength(befores[2], nows[2], 1.0),
        ]
        kind = state["episode"][row]
        most = 0 if kind == Kind.MASS_EXIT else strengths.index(max(strengths))
        past = state.history("chat", np.array([row]))[:, 0].tolist()
        befores[1] = max(befores[1], float(np.quantile(past[: state["age"][row] + 1], 2 / 3)))
        ticks = 12
        if most < 2:
            past = state.history(("presence", "chat")[most], np.array([row]))[:, 0].tolist()
            still_up = befores[most] - 0.2 * (befores[most] - nows[most])
            ticks = max(1, next((ago for ago in range(64) if past[ago] >= still_up), 64))
        assert (move.signal, move.seconds) == (NAMES[most], 5 * ticks)
        assert (move.before, move.now) == pytest.approx((befores[most], nows[most]), abs=0.051)
        leaving = float(signals.user_leave_rate[row])
        assert sentence == _sentence(move, kind, (nows[0], befores[0]), leaving)
        named.add((move.signal, move.seconds))
    assert named > {("active_users", 5), ("active_users", 320), ("reactions_per_min", 60)}


def one_room(chat: float, before: float, now: float, up: dict[int, float]) -> tuple:
    """A room of 100 people with ``before`` messages a minute; ``up`` are earlier rates."""
    state = DetectorState.fresh(TICK, np.arange(1))
    state["age"], state["presence_dispersion"] = np.array([2]), np.array([0.3])
    state["presence_level"], state["chat_level"] = np.array([100]), np.array([before])
    state.fill("presence", np.ones(1, np.bool_), np.float32([100]))
    state.fill("chat", np.ones(1, np.bool_), np.float32([chat]))
    for ago, rate in up.items():
        state.remember("chat", TICK - ago, np.float32([rate]))
    columns = (np.float32([value]) for value in (now, 0, 100, 100, 0, 0))
    ((move, _),) = explain_changes(state, Signals(*columns), np.array([0]))
    return move


def test_a_fall_begins_where_a_fifth_of_it_had_come_at_most() -> None:
    move = one_room(chat=0, before=10, now=0, up={3: 7.99, 4: 8, 5: 9})
    assert move == SignalMove("chat_msgs_per_min", 10, 0, 20)


def test_moves_are_told_to_one_decimal() -> None:
    move = one_room(chat=0, before=40.26, now=2.34, up={1: 40})
    assert move == SignalMove("chat_msgs_per_min", 40.3, 2.3, 5)


def test_the_usual_chat_of_a_young_room_is_that_of_its_few_ticks() -> None:
    # Two thirds of the way from the least to the greatest of the three, in order: 0, 30, 60.
    move = one_room(chat=600, before=10, now=0, up={0: 0, 1: 30, 2: 60})
    assert move == SignalMove("chat_msgs_per_min", 40, 0, 10)


@pytest.mark.parametrize(
    ("people", "chat", "reactions"), [(90.5, 0, 1), (94.2, 1, 0)], ids=["chat", "reactions"]
)
def test_where_little_is_written_silence_may_be_chance(
    people: float, chat: float, reactions: float
) -> None:
    state = DetectorState.fresh(TICK, np.arange(1))
    for name, value in zip(("presence_dispersion", *LEVELS), (1, 100, 1, 1), strict=True):
        state[name] = np.array([value])
    columns = (np.float32([value]) for value in (chat, 0, people, 100, reactions, 0))
    ((move, _),) = explain_changes(state, Signals(*columns), np.array([0]))
    assert move.signal == "active_users"


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
            SignalMove("active_users", 200, 170, 210),
            Kind.GRADUAL_DECLINE,
            (170, 200),
            "Active users fell from 200 to 170 in 4 minutes",
        ),
        (
            SignalMove("chat_msgs_per_min", 40, 2, 30),
            Kind.SUDDEN_DROP,
            (160, 200),
            "Chat fell from 40 to 2 messages a minute in 30 seconds while 160 of 200 people stayed",
        ),
        (
            SignalMove("chat_msgs_per_min", 9, 0, 30),
            Kind.SUDDEN_DROP,
            (1, 1),
            "Chat fell from 9 to 0 messages a minute in 30 seconds while 1 of 1 people stayed",
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
