"""Which falls begin an episode, at the limits of each rule, and of which type it is."""

from collections import Counter
from dataclasses import fields

import numpy as np
import pytest

from anomalies_app.detector.episodes import (
    Changes,
    Kind,
    advance_episodes,
    drop_kinds,
    is_building_up,
)
from anomalies_app.detector.features import Features
from sessions_app.scoring.detection_settings import DetectionSettings
from sessions_app.scoring.score import Signals
from tests.anomalies_app.detector.hall import FALLING, LEAVING, Crowd, Hall, alone, some_features


def test_a_mass_exit_has_to_last_three_ticks() -> None:
    hall = Hall()
    assert [hall.tick(**LEAVING) for _ in range(4)] == ["", "", "began MASS_EXIT CRITICAL", ""]
    interrupted = Hall()
    assert [interrupted.tick(**(LEAVING if on else {})) for on in (1, 1, 0, 1, 1)] == [""] * 5


@pytest.mark.parametrize(
    ("loss", "ticks"), [(0.08, 3), (0.3599, 3), (0.36, 2), (0.4799, 2), (0.48, 1)]
)
def test_the_more_leave_the_sooner_it_is_believed(loss: float, ticks: int) -> None:
    hall = Hall()
    said = [hall.tick(**{**LEAVING, "net_loss": loss}) for _ in range(ticks)]
    assert said == [*[""] * (ticks - 1), "began MASS_EXIT CRITICAL"]


@pytest.mark.parametrize(
    "short",
    [{"leave_rate": 0.149}, {"net_loss": 0.079}, {"presence": 97.5}, {"presence_minute_ago": 99.5}],
)
def test_whatever_a_mass_exit_lacks_it_is_none(short: dict[str, float]) -> None:
    hall = Hall()
    assert [hall.tick(**{**LEAVING, **short}) for _ in range(6)] == [""] * 6


def test_people_who_come_back_meanwhile_make_no_exit() -> None:
    hall = Hall()
    hall.state.fill("presence", np.ones(1, np.bool_), np.float32([90]))
    assert [hall.tick(**LEAVING) for _ in range(6)] == [""] * 6
    # In the first tick only, compared with the one before.
    hall = Hall()
    hall.state.remember("presence", hall.state.tick, np.float32([90]))
    said = [hall.tick(**LEAVING) for _ in range(4)]
    assert said == ["", "", "", "began MASS_EXIT CRITICAL"]


@pytest.mark.parametrize(("present", "is_exit"), [(51.0, True), (52.0, False)])
def test_half_a_person_and_one_in_a_hundred_more_are_no_return(
    present: float, is_exit: bool
) -> None:
    hall = Hall()
    hall.state.fill("presence", np.ones(1, np.bool_), np.float32([50]))
    said = [hall.tick(**{**LEAVING, "presence": present}) for _ in range(3)]
    assert ("began MASS_EXIT CRITICAL" in said) is is_exit


def test_a_fall_is_raised_at_once() -> None:
    assert Hall().tick(**FALLING).startswith("began ")


@pytest.mark.parametrize(
    "short",
    [
        {"vitality_fall": 0.149},
        {"presence_fall": 0.0999},
        {"presence": 97.5},
        {"leave_rate": 0.1},
        {"score": 0.5999},
    ],
)
def test_whatever_a_fall_lacks_it_is_none(short: dict[str, float]) -> None:
    hall = Hall()
    assert [hall.tick(**{**FALLING, **short}) for _ in range(6)] == [""] * 6


@pytest.mark.parametrize(("leave_rate", "begins"), [(0.149, True), (0.151, False)])
def test_a_fall_may_go_with_half_as_many_leaving_as_are_missing(
    leave_rate: float, begins: bool
) -> None:
    leaving = {"net_loss": 0.3, "leave_rate": leave_rate, "presence_minute_ago": 99.0}
    assert bool(Hall().tick(**FALLING, **leaving)) is begins


def ticks_until_said(hall: Hall, ticks: int, **falls: float) -> list[int]:
    said = [hall.tick(**falls) for _ in range(ticks)]
    return [number for number, each in enumerate(said, start=1) if each]


def test_a_silence_has_to_last_a_minute() -> None:
    # A quarter of vitality, and a deviation of 0.025 more.
    hall = Hall()
    assert [hall.tick(vitality_fall=0.276) for _ in range(12)][10:] == [
        "",
        "began SUDDEN_DROP CRITICAL",
    ]
    assert ticks_until_said(Hall(), 30, vitality_fall=0.274) == []
    # Where ten messages a minute are usual, twenty are missing after two.
    assert ticks_until_said(Hall(chat_level=10), 24, vitality_fall=0.276) == [24]


EAGER = {"sensitivity": 4.0}  # halves every threshold


@pytest.mark.parametrize(("vitality_fall", "ticks"), [(0.1376, [12]), (0.1374, [])])
def test_sensitivity_halves_how_deep_a_silence_must_be(
    vitality_fall: float, ticks: list[int]
) -> None:
    hall = Hall(DetectionSettings(**EAGER))
    assert ticks_until_said(hall, 12, vitality_fall=vitality_fall) == ticks


# Running means of the falls; 97 people are there, so that presence confirms them.
@pytest.mark.parametrize(
    ("wishes", "vitality_slow", "presence_slow", "begins"),
    [
        # 0.6 of a quarter and 1.2 deviations of vitality; 2.5 % and a deviation of presence.
        ({}, 0.1801, 0.0351, True),
        ({}, 0.1799, 0.0350, False),
        ({}, 0.1800, 0.0349, False),
        (EAGER, 0.0901, 0.01751, True),
        (EAGER, 0.0899, 0.0175, False),
        # One may be less if the other is more, but not less than 0.57 of its threshold.
        ({}, 0.108, 0.0596, True),
        ({}, 0.108, 0.0582, False),
        ({}, 0.102, 0.07, False),
        ({}, 0.9, 0.0199, False),
        ({}, 0.9, 0.0201, True),
        # People alone: 0.35 of a quarter, and two deviations.
        ({}, 0.0, 0.1076, True),
        ({}, 0.0, 0.1074, False),
        (EAGER, 0.0, 0.0538, True),
        (EAGER, 0.0, 0.0537, False),
    ],
)
def test_a_slow_fall_of_vitality_and_presence_begins_an_episode(
    wishes: dict[str, float], vitality_slow: float, presence_slow: float, begins: bool
) -> None:
    hall = Hall(DetectionSettings(**wishes))
    falls = {"vitality_slow": vitality_slow, "presence_slow": presence_slow}
    assert bool(hall.tick(**falls, presence=97.0)) is begins


@pytest.mark.parametrize(
    "falls",
    [
        {"vitality_fall": 0.15, "presence_fall": 0.05, "presence": 97.0},
        {"vitality_slow": 0.15, "presence_slow": 0.025, "presence": 97.0},
        {"vitality_slow": 0.0855, "presence_slow": 0.08, "presence": 97.0},
        {"presence_slow": 0.0875, "presence": 97.0},
        {"vitality_fall": 0.25},
    ],
)
def test_what_is_as_deep_as_a_threshold_exceeds_it(falls: dict[str, float]) -> None:
    without_noise = Hall(presence_dispersion=0, vitality_variance=0)
    with np.errstate(divide="ignore"):  # of the engagement score, which is not low
        assert ticks_until_said(without_noise, 12, **falls)


def test_sensitivity_moves_the_thresholds() -> None:
    hall = Hall(DetectionSettings(**EAGER))
    assert hall.tick(vitality_fall=0.0751, presence_fall=0.0501, presence=97.0).startswith("began")
    other = Hall(DetectionSettings(sensitivity=0.25))
    assert ticks_until_said(other, 5, **FALLING) == []


@pytest.mark.parametrize(("leave_rate", "ticks"), [(0.0751, [3]), (0.0749, [])])
def test_sensitivity_moves_the_threshold_of_a_mass_exit(
    leave_rate: float, ticks: list[int]
) -> None:
    hall = Hall(DetectionSettings(**EAGER))
    assert ticks_until_said(hall, 5, **{**LEAVING, "leave_rate": leave_rate}) == ticks


def test_a_threshold_of_leaving_is_a_leave_rate_that_exceeds_it() -> None:
    # 0.7 is a little less in single precision, which leave rates have.
    hall = Hall(DetectionSettings(mass_exit_threshold=0.7))
    assert ticks_until_said(hall, 5, **{**LEAVING, "leave_rate": 0.7}) == [3]


@pytest.mark.parametrize(("ticks", "kind"), [(6, Kind.SUDDEN_DROP), (7, Kind.GRADUAL_DECLINE)])
def test_how_long_it_took_tells_a_drop_from_a_decline(ticks: int, kind: Kind) -> None:
    hall = Hall()
    half_way = ticks - 1  # between less than 30 % of its depth and more than 80 %
    for presence in [100] * 30 + [80] * half_way + [60] * 20:
        hall.state.tick += 1
        hall.state.remember("presence", hall.state.tick, np.float32([presence]))
    features = Features(*(np.float32([20.0]) for _ in Features._fields))
    assert drop_kinds(hall.state, features, np.array([0])).tolist() == [kind]


@pytest.mark.parametrize(
    ("deviations", "kind"), [(5.0, Kind.SUDDEN_DROP), (4.99, Kind.GRADUAL_DECLINE)]
)
def test_presence_tells_how_long_it_took_where_it_has_clearly_fallen(
    deviations: float, kind: Kind
) -> None:
    """People left at once, and vitality went down slowly."""
    hall = Hall()
    for vitality in np.r_[np.full(40, 0.4), np.linspace(0.4, 0.1, 20), np.full(4, 0.1)]:
        hall.state.tick += 1
        hall.state.remember("vitality", hall.state.tick, np.float32([vitality]))
    for ago in range(4):
        hall.state.remember("presence", hall.state.tick - ago, np.float32([60]))
    features = Features(*(np.float32([deviations]) for _ in Features._fields))
    assert drop_kinds(hall.state, features, np.array([0])).tolist() == [kind]


def test_sessions_have_no_influence_on_one_another() -> None:
    random, count = np.random.default_rng(5), 25
    state, settings = Crowd.of(random, count)
    names = [each.name for each in fields(settings)]
    own = [
        DetectionSettings(**{name: getattr(settings, name)[row].item() for name in names})
        for row in range(count)
    ]
    happened: Counter[str] = Counter()
    began: set[int] = set()
    for _ in range(15):
        state.tick += 1
        features = some_features(random, state["presence_level"])
        state.remember("presence", state.tick, features.presence)
        state.remember("score", state.tick, random.uniform(0, 0.4, count))
        signals = Signals(*random.uniform(0, 0.4, (len(Signals._fields), count)))
        scores, muted = random.uniform(0, 1, count).astype(np.float32), random.random(count) < 0.05
        singles = [alone(state, row) for row in range(count)]
        together = advance_episodes(state, features, signals, scores, muted, settings)
        assert_each_changed_once(together)
        began |= {*state["episode"][together.began].tolist()}
        for row, (single, wishes) in enumerate(zip(singles, own, strict=True)):
            rows = slice(row, row + 1)
            changes = advance_episodes(
                single,
                Features(*(values[rows] for values in features)),
                Signals(*(values[rows] for values in signals)),
                scores[rows],
                muted[rows],
                wishes,
            )
            assert single.to_bytes() == alone(state, row).to_bytes()
            assert is_building_up(single)[0] == is_building_up(state)[row]
            for name in ("began", "escalated", "ended"):
                changed = len(getattr(changes, name)) == 1
                assert changed == (row in getattr(together, name))
                happened[name] += changed
    assert began == {*Kind}
    assert min(happened.values()) > 5


def assert_each_changed_once(changes: Changes) -> None:
    rows = np.concatenate([changes.began, changes.escalated, changes.ended])
    assert len(rows) == len({*rows.tolist()})
    assert len(changes.ended_kinds) == len(changes.ended)
    assert changes.ended_kinds.all()
